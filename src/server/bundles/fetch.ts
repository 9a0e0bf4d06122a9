/** Brings a bundle's content from another server to this one's disk. */
import { randomInt } from "node:crypto";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { BundleRecord } from "../../wire/bundles.ts";
import type { ServerRecord } from "../../wire/servers.ts";
import type { PeerClient } from "../peers/peer-client.ts";
import { type CopyTables, hasCopy } from "./copies.ts";
import type { BundleDisk, DiskFault } from "./disk.ts";
import { lively } from "./hashing.ts";
import { peerAnswerMsMax } from "./limits.ts";

export interface FetchParts {
  readonly disk: BundleDisk;
  readonly peers: PeerClient;
  readonly clock: Clock;
}

/** Servers besides this one that have noted a copy; each call begins with another, so that none carries all. */
export function holdersOf(tables: CopyTables, sha256: string, self: string): ServerRecord[] {
  const holders = [...tables.servers.values()]
    .map((row) => row.value)
    .filter(({ id }) => id !== self && hasCopy(tables, sha256, id));
  const first = holders.length === 0 ? 0 : randomInt(holders.length);
  return [...holders.slice(first), ...holders.slice(0, first)];
}

/** Fetches from the first of `holders` that gives the right content. What one sent in part the next one completes. */
export async function fetchBundle(
  parts: FetchParts,
  bundle: BundleRecord,
  { holders, signal }: { readonly holders: readonly ServerRecord[]; readonly signal: AbortSignal },
): Promise<Result<void, string>> {
  const { sha256, sizeBytes } = bundle;
  let fault: DiskFault = { kind: "source", message: "no other server has a copy" };
  for (const holder of holders) {
    if (signal.aborted) return err("it was given up");
    const written = await parts.disk.write({
      sha256,
      sizeBytes,
      draft: "resumable",
      signal,
      source: (fromByte) => contentOfPeer(parts, { bundle, holder, fromByte, signal }),
    });
    if (written.ok) return written;
    fault = { ...written.error, message: `from server ${holder.id}: ${written.error.message}` };
    if (fault.kind === "no-space" || fault.kind === "disk") break;
  }
  return err(fault.message);
}

interface PeerContent {
  readonly bundle: Pick<BundleRecord, "sha256" | "sizeBytes">;
  readonly holder: ServerRecord;
  readonly fromByte: number;
  readonly signal: AbortSignal;
}

/** What another server has of a bundle from a byte on. */
export async function contentOfPeer(
  { peers, clock }: Pick<FetchParts, "peers" | "clock">,
  { bundle, holder, fromByte, signal }: PeerContent,
): Promise<Result<AsyncIterable<Buffer> & Disposable, string>> {
  if (fromByte === bundle.sizeBytes) return ok(disposable(nothing(), () => undefined));
  const opened = await peers.open(holder, {
    path: `/v1/peers/bundles/${bundle.sha256}`,
    headers: fromByte === 0 ? {} : { range: `bytes=${fromByte}-` },
    withinMs: peerAnswerMsMax,
    signal,
  });
  if (!opened.ok) return opened;
  const { status, body } = opened.value;
  if (status === (fromByte === 0 ? 200 : 206)) {
    const pieces = lively(body, { clock, signal, onLeave: "destroy" });
    return ok(disposable(pieces, () => body.destroy()));
  }
  body.destroy();
  return err(`it answers with status ${status}, which is not what was asked`);
}

/** Content that is let go of also where nobody has begun to read it. */
function disposable(
  pieces: AsyncIterable<Buffer>,
  dispose: () => void,
): AsyncIterable<Buffer> & Disposable {
  return {
    [Symbol.asyncIterator]: () => pieces[Symbol.asyncIterator](),
    [Symbol.dispose]: dispose,
  };
}

async function* nothing(): AsyncGenerator<Buffer, void> {
  // All of it is there already.
}
