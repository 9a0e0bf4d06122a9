/** Sends content: this server's own copy, else another server's; only who reads to the end has the right content. */
import { Readable } from "node:stream";
import { ok, type Result } from "../../core/result.ts";
import type { BundleCheck, BundleRecord } from "../../wire/bundles.ts";
import { bundleCheckSchema } from "../../wire/bundles.ts";
import type { Problem } from "../../wire/errors.ts";
import type { ServerRecord } from "../../wire/servers.ts";
import type { ServerContext } from "../context.ts";
import { refuse } from "../http/problem-error.ts";
import { keepersOf } from "./copies.ts";
import { contentOfPeer, holdersOf } from "./fetch.ts";
import { verified } from "./hashing.ts";
import { peerCheckMsMax } from "./limits.ts";

/** The content of a bundle, from wherever it is. */
export async function contentOf(
  context: ServerContext,
  bundle: BundleRecord,
): Promise<Result<Readable, Problem>> {
  const own = ownContent(context, bundle, 0);
  if (own !== undefined) return ok(own);
  const { bundles: keeper, clock, view, serverId } = context;
  const { signal, peers } = keeper;
  let because = "no server has noted a copy of it";
  for (const holder of holdersOf(view.tables, bundle.sha256, serverId)) {
    const wish = { bundle, holder, fromByte: 0, signal };
    const opened = await contentOfPeer({ peers, clock }, wish);
    if (opened.ok) {
      const content = streamOf(verified(opened.value, bundle, () => undefined));
      content.once("close", () => {
        opened.value[Symbol.dispose]();
      });
      return ok(content);
    }
    because = opened.error;
  }
  return refuse("unavailable", `no server gives the content of "${bundle.name}": ${because}`);
}

/** This server's own copy from a byte on; undefined: it has none. A part of it is not verified, its reader does that. */
export function ownContent(
  context: Pick<ServerContext, "bundles">,
  bundle: BundleRecord,
  fromByte: number,
): Readable | undefined {
  const { sha256, sizeBytes } = bundle;
  const keeper = context.bundles;
  if (keeper.disk.files.get(sha256) !== sizeBytes) return undefined;
  const content = keeper.disk.read(sha256, fromByte);
  if (fromByte > 0) return streamOf(content);
  return streamOf(
    verified(content, bundle, () => {
      keeper.throwAway(sha256);
    }),
  );
}

function streamOf(pieces: AsyncIterable<Buffer>): Readable {
  return Readable.from(pieces, { objectMode: false });
}

/** Has every server read its own copy. */
export async function checkEverywhere(
  context: ServerContext,
  sha256: string,
): Promise<BundleCheck[]> {
  const { tables } = context.view;
  const checks = keepersOf(tables, context.serverId).map(async (server): Promise<BundleCheck> => {
    if (server === context.serverId) return await checkHere(context, sha256);
    const record = tables.servers.get(server)?.value;
    if (record !== undefined) return await checkThere(context, record, sha256);
    return { server, result: "unreachable", detail: "it is not registered any more" };
  });
  return await Promise.all(checks);
}

/** Reads this server's own copy. */
export async function checkHere(context: ServerContext, sha256: string): Promise<BundleCheck> {
  const { result, detail } = await context.bundles.check(sha256);
  return { server: context.serverId, result, detail };
}

async function checkThere(
  context: ServerContext,
  record: ServerRecord,
  sha256: string,
): Promise<BundleCheck> {
  const { peers, signal } = context.bundles;
  const path = `/v1/peers/bundles/${sha256}/verification`;
  const answer = await peers.read(record, { path, withinMs: peerCheckMsMax, signal });
  const parsed = answer.ok ? bundleCheckSchema.safeParse(answer.value) : undefined;
  if (parsed?.success === true) return { ...parsed.data, server: record.id };
  const detail = answer.ok ? "its answer is not what a server says" : answer.error;
  return { server: record.id, result: "unreachable", detail };
}
