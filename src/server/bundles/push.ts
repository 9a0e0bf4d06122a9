/** A push: the content goes to this server's disk, then a record asks all servers for copies, then they are awaited. */
import type { Readable } from "node:stream";
import { ok, type Result } from "../../core/result.ts";
import type { Operation } from "../../ports/store.ts";
import { createPulse } from "../../runtime/manager-pulse.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { BundleRecord, BundleResource } from "../../wire/bundles.ts";
import type { Problem } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import {
  type Actor,
  type ChangePlan,
  change,
  nothingToDo,
  unchanged,
  withRelations,
} from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import { refuse } from "../http/problem-error.ts";
import { freshTables } from "../view/fresh.ts";
import type { Row } from "../view/table-slots.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { bundleResource } from "./copies.ts";
import type { DiskFault } from "./disk.ts";
import { lively } from "./hashing.ts";
import { bundlesMax } from "./limits.ts";
import { packageFacts } from "./package-facts.ts";

export interface PushWish {
  readonly sha256: string;
  readonly name: string;
  readonly sizeBytes: number;
  /** What becomes of another bundle of that name, or another name of that content. */
  readonly others: "keep" | "replace";
}

/** Takes the content in and writes its record. `there`: this server had it, of that name, already. */
export async function takeBundle(
  context: ServerContext,
  actor: Actor,
  { wish, body }: { readonly wish: PushWish; readonly body: Readable },
): Promise<Result<"new" | "there", Problem>> {
  const { keeper, serverId } = { keeper: context.bundles, serverId: context.serverId };
  const tables = await freshTables(context);
  if (!tables.ok) return tables;
  const fault = faultOfWish(context, tables.value, wish);
  if (fault !== undefined) return fault;
  using _protection = keeper.protect(wish.sha256);
  const isNew = !tables.value.bundles.has(wish.sha256);
  if (keeper.disk.files.get(wish.sha256) === wish.sizeBytes) {
    body.resume(); // what comes is there already
  } else {
    const written = await writeContent(context, wish, body);
    if (!written.ok) return refuseFault(written.error);
    keeper.trust(wish.sha256);
  }
  const contents = await packageFacts(context, wish.sha256);
  if (!contents.ok) return contents;
  const record: BundleRecord = {
    version: 1,
    sha256: wish.sha256,
    name: wish.name,
    sizeBytes: wish.sizeBytes,
    by: actor.identity.who,
    atMs: context.clock.wallMs(),
    ...contents.value,
  };
  const changed = await change(context, actor, (now) => {
    const refusal = faultOfWish(context, now, wish);
    return refusal ?? ok(planPush(now, record, serverId));
  });
  return changed.ok ? ok(isNew ? "new" : "there") : changed;
}

async function writeContent(
  context: ServerContext,
  { sha256, sizeBytes }: PushWish,
  body: Readable,
): Promise<Result<void, DiskFault>> {
  const { bundles: keeper, clock } = context;
  const written = await keeper.disk.write({
    sha256,
    sizeBytes,
    draft: "once",
    signal: keeper.signal,
    // Whatever is wrong is answered: the connection has to live on for it.
    source: async () => ok(lively(body, { clock, signal: keeper.signal, onLeave: "leave" })),
  });
  body.resume();
  return written;
}

function refuseFault(fault: DiskFault): Result<never, Problem> {
  switch (fault.kind) {
    case "no-space":
      return refuse("no-space", fault.message);
    case "mismatch":
      return refuse("bad-input", `${fault.message}; it may have changed on the way`);
    case "source":
      return refuse("bad-input", `the content did not come to its end: ${fault.message}`);
    case "disk":
      return refuse("unavailable", `the server's disk: ${fault.message}`);
    default:
      return fault.kind satisfies never;
  }
}

type Refusal = ReturnType<typeof refuse>;

function faultOfWish(
  context: ServerContext,
  tables: ViewTables,
  wish: PushWish,
): Refusal | undefined {
  const { name, sha256, sizeBytes } = wish;
  if (tables.servers.size > 0 && !tables.servers.has(context.serverId)) {
    return refuse("unavailable", "this server is not one of the cluster's (yet)");
  }
  const known = tables.bundles.get(sha256)?.value;
  const namesake = namesakeOf(tables, wish)?.value;
  if (wish.others === "keep" && known !== undefined && known.name !== name) {
    return refuse(
      "already-exists",
      `this content is there already and named "${known.name}", not "${name}"; with replace it gets the new name`,
    );
  }
  if (wish.others === "keep" && namesake !== undefined) {
    return refuse(
      "already-exists",
      `there is a bundle "${name}" with other content (${namesake.sha256}); with replace this one takes its place`,
    );
  }
  if (known !== undefined) {
    if (known.sizeBytes === sizeBytes) return undefined;
    return refuse("bad-input", `the content of ${sha256} has ${known.sizeBytes} bytes`);
  }
  return faultOfSize(tables, sizeBytes - (namesake?.sizeBytes ?? 0), wish);
}

function faultOfSize(tables: ViewTables, moreBytes: number, wish: PushWish): Refusal | undefined {
  const { fileBytesMax, totalBytesMax } = tables.settings.value.bundles;
  if (wish.sizeBytes > fileBytesMax) {
    return refuse(
      "too-large",
      `"${wish.name}" has ${wish.sizeBytes} bytes, the setting bundles.fileBytesMax allows ${fileBytesMax}`,
    );
  }
  if (tables.bundles.size >= bundlesMax) {
    return refuse("too-many", `there are ${bundlesMax} bundles already`);
  }
  let totalBytes = moreBytes;
  for (const { value } of tables.bundles.values()) totalBytes += value.sizeBytes;
  if (totalBytes <= totalBytesMax) return undefined;
  return refuse(
    "too-large",
    `with it all bundles have ${totalBytes} bytes, the setting bundles.totalBytesMax allows ${totalBytesMax}`,
  );
}

function namesakeOf(
  tables: ViewTables,
  { name, sha256 }: Pick<BundleRecord, "name" | "sha256">,
): Row<BundleRecord> | undefined {
  return [...tables.bundles.values()].find(
    ({ value }) => value.name === name && value.sha256 !== sha256,
  );
}

function planPush(tables: ViewTables, record: BundleRecord, serverId: string): ChangePlan {
  const { sha256, name } = record;
  const key = `${keys.bundles}${sha256}`;
  const row = tables.bundles.get(sha256);
  const namesake = namesakeOf(tables, record);
  const isVouchedFor = record.signature === undefined || row?.value.signature !== undefined;
  const isThere = row?.value.name === name && isVouchedFor;
  const copyKey = `${keys.bundleCopies}${sha256}/${serverId}`;
  const hasCopy = tables.bundleCopies.has(`${sha256}/${serverId}`);
  const copy = jsonOf({ version: 1, atMs: record.atMs });
  const about = namesake === undefined ? "" : `, instead of ${namesake.value.sha256}`;
  const plan: ChangePlan = {
    compare: [
      unchanged(key, row),
      ...(tables.servers.size === 0
        ? []
        : [{ kind: "present" as const, key: `${keys.servers}${serverId}` }]),
    ],
    operations: [
      ...(isThere ? [] : [{ kind: "put" as const, key, value: jsonOf(record) }]),
      ...(hasCopy ? [] : [{ kind: "put" as const, key: copyKey, value: copy }]),
      ...(namesake === undefined ? [] : deletionOf(tables, namesake.value.sha256)),
    ],
    action: "bundle.push",
    subject: name,
    detail: `${sha256}, ${record.sizeBytes} bytes${about}`,
  };
  // No two pushes of one name cross.
  return plan.operations.length === 0 ? nothingToDo : withRelations(tables, plan);
}

/** The operations that take a bundle's record and the records of its copies away. */
export function deletionOf(tables: ViewTables, sha256: string): Operation[] {
  const copies = [...tables.bundleCopies.keys()].filter((rest) => rest.startsWith(`${sha256}/`));
  return [
    { kind: "delete", key: `${keys.bundles}${sha256}` },
    ...copies.map((rest) => ({ kind: "delete" as const, key: `${keys.bundleCopies}${rest}` })),
  ];
}

/** Waits until a majority has noted copies, the bundle is removed, or the time is over; then says how it is. */
export async function untilSafe(
  context: ServerContext,
  sha256: string,
  waitMs: number,
): Promise<Result<BundleResource, Problem>> {
  const { view, clock, serverId, bundles } = context;
  const over = new AbortController();
  const moved = createPulse();
  const cancel = clock.after(waitMs, () => {
    over.abort();
  });
  const end = AbortSignal.any([over.signal, bundles.signal]);
  const unlisten = view.listen({
    changed: () => {
      moved.ring();
    },
    reset: () => {
      moved.ring();
    },
  });
  try {
    while (!end.aborted) {
      const row = view.tables.bundles.get(sha256);
      if (row === undefined || bundleResource(view.tables, row, serverId).isSafe) break;
      await moved.next(end);
    }
  } finally {
    cancel();
    unlisten();
  }
  const tables = await freshTables(context);
  if (!tables.ok) return tables;
  const row = tables.value.bundles.get(sha256);
  if (row === undefined) return refuse("not-found", `there is no bundle ${sha256} any more`);
  return ok(bundleResource(tables.value, row, serverId));
}
