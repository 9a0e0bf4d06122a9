/**
 * `GET /v1/watch`: what the cluster is, then what changes in it. A reader that comes back with the last revision
 * it saw gets all that happened since from the store's history, or is told that this history is gone.
 */
import { ok, type Result } from "../../core/result.ts";
import type { StoreError, StoreRevision, WatchBatch } from "../../ports/store.ts";
import type { watchKinds } from "../../wire/api.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import type { ServerContext } from "../context.ts";
import { problemOfStore, refuse } from "../http/problem-error.ts";
import type { SseMessage, SseStream } from "../http/sse.ts";
import { viewWithinMs } from "../limits.ts";
import { type ClusterView, eventOf, touchedBy, type ViewChange } from "./cluster-view.ts";
import { nodeResource, nodeResources, serviceResource, serviceResources } from "./compose.ts";
import { fleetBeginning, fleetMessages } from "./fleet/fleet-messages.ts";
import { freshTables } from "./fresh.ts";
import { haGroupResource, haGroupResources } from "./ha-groups.ts";

export type WatchKind = (typeof watchKinds)[number];

/** Changes that may wait while a slow reader takes in the state that it begins with. */
const pendingMax = 20_000;
const drainEvery = 64;

export interface WatchWish {
  /** The last revision that the reader saw; undefined: begin with the current state. */
  readonly after: number | undefined;
  readonly kinds: ReadonlySet<WatchKind>;
}

/** What can still fail is done; `run` serves a reader until one of the two goes away. */
export interface PreparedWatch {
  run(stream: SseStream): Promise<void>;
  /** Lets go without a reader. */
  cancel(): void;
}

type Batches = AsyncIterator<Result<WatchBatch, StoreError>>;

/** Makes sure that the wish can be fulfilled, before anything of the answer is sent. */
export async function prepareWatch(
  context: ServerContext,
  wish: WatchWish,
): Promise<Result<PreparedWatch, Problem>> {
  const { view, store } = context;
  const stop = new AbortController();
  const cancel = () => {
    stop.abort();
  };
  const fresh = await freshTables(context);
  if (!fresh.ok) return fresh;
  if (wish.after === undefined) {
    return ok({ run: (stream) => runFromState(view, wish, stream), cancel });
  }
  // The view is as new as the store was just now: what it does not show is still to come, or never was.
  if (wish.after > view.revision) {
    return refuse("compacted", `revision ${wish.after} has not happened in this cluster`);
  }
  if (wish.after === view.revision) {
    return ok({
      run: (stream) => {
        listen(view, wish, stream);
        stream.send({ event: "ready", id: view.revision, data: {} });
        return untilClosed(stream);
      },
      cancel,
    });
  }
  const batches = store
    .watch("", { fromRevision: wish.after + 1, signal: stop.signal })
    [Symbol.asyncIterator]();
  const first = await batches.next();
  if (first.done === true) return refuse("unavailable", "the server is stopping");
  if (!first.value.ok) {
    cancel();
    return { ok: false, error: problemOfStore(first.value.error) };
  }
  const batch = first.value.value;
  return ok({
    run: (stream) => runFromHistory(view, wish, { stream, batches, first: batch, stop }),
    cancel,
  });
}

async function runFromState(view: ClusterView, wish: WatchWish, stream: SseStream): Promise<void> {
  const begin: SseMessage[] = [];
  if (wish.kinds.has("node")) {
    for (const data of nodeResources(view.tables)) begin.push({ event: "node", data });
  }
  if (wish.kinds.has("service")) {
    for (const data of serviceResources(view.tables)) begin.push({ event: "service", data });
  }
  if (wish.kinds.has("ha-group")) {
    for (const data of haGroupResources(view.tables)) begin.push({ event: "ha-group", data });
  }
  begin.push(...fleetBeginning(view.tables, wish.kinds));
  begin.push({ event: "ready", id: view.revision, data: {} });
  const gate = listen(view, wish, stream, "held");
  for (const [index, message] of begin.entries()) {
    stream.send(message);
    if (index % drainEvery === 0) await stream.drained();
  }
  gate.open();
  await untilClosed(stream);
}

interface History {
  readonly stream: SseStream;
  readonly batches: Batches;
  readonly first: WatchBatch;
  readonly stop: AbortController;
}

async function runFromHistory(view: ClusterView, wish: WatchWish, history: History): Promise<void> {
  const { stream, stop } = history;
  stream.onClose(() => {
    stop.abort();
  });
  let moved = false;
  let batch: WatchBatch | undefined = history.first;
  while (batch !== undefined && !stream.closed) {
    if (!(await view.reach(batch.revision, viewWithinMs))) break;
    moved ||= batch.changes.some((change) => keyOf(change).startsWith(keys.statuses));
    const { revision, changes } = batch;
    const events = changes.flatMap((change) =>
      change.kind === "put" && change.entry.key.startsWith(keys.events)
        ? [eventOf(change.entry)]
        : [],
    );
    const messages = [...messagesOf(view, { ...touchedBy(batch, view.tables), revision, events })];
    const isLast = revision >= view.revision;
    // A status in history does not say which node the service left: tell the lists of all.
    if (isLast && moved) {
      for (const data of nodeResources(view.tables)) messages.push({ event: "node", data });
    }
    sendBatch(stream, wish, { revision, messages });
    if (isLast) {
      listen(view, wish, stream);
      stop.abort();
      stream.send({ event: "ready", id: view.revision, data: {} });
      await untilClosed(stream);
      return;
    }
    await stream.drained();
    batch = await nextBatch(history.batches);
  }
  // The reader comes back with the last revision that it got.
  stop.abort();
  stream.close();
}

function keyOf(change: WatchBatch["changes"][number]): string {
  return change.kind === "put" ? change.entry.key : change.key;
}

async function nextBatch(batches: Batches): Promise<WatchBatch | undefined> {
  const next = await batches.next();
  return next.done === true || !next.value.ok ? undefined : next.value.value;
}

/** Sends every change from now on; `held`: once the gate is opened. */
function listen(
  view: ClusterView,
  wish: WatchWish,
  stream: SseStream,
  mode: "live" | "held" = "live",
): { open(): void } {
  let held: Batch[] | undefined = mode === "held" ? [] : undefined;
  const end = view.listen({
    changed(change) {
      const batch = { revision: change.revision, messages: messagesOf(view, change) };
      if (held === undefined) sendBatch(stream, wish, batch);
      else held.push(batch);
      if (held !== undefined && held.length > pendingMax) stream.close();
    },
    reset() {
      stream.close();
    },
  });
  stream.onClose(end);
  return {
    open() {
      for (const batch of held ?? []) sendBatch(stream, wish, batch);
      held = undefined;
    },
  };
}

interface Batch {
  readonly revision: StoreRevision;
  readonly messages: readonly SseMessage[];
}

/** Only the last message of a revision bears its number: who has not got that one resumes before it. */
function sendBatch(stream: SseStream, wish: WatchWish, batch: Batch): void {
  const wanted = batch.messages.filter((message) => isWanted(message, wish));
  for (const [index, message] of wanted.entries()) {
    const isLast = index === wanted.length - 1;
    stream.send({ ...message, id: isLast ? batch.revision : batch.revision - 1 });
  }
}

function untilClosed(stream: SseStream): Promise<void> {
  return new Promise((resolve) => {
    stream.onClose(resolve);
  });
}

function isWanted(message: SseMessage, wish: WatchWish): boolean {
  return [...wish.kinds].some(
    (kind) => message.event === kind || message.event === `${kind}-deleted`,
  );
}

let latest: { readonly change: ViewChange; readonly messages: readonly SseMessage[] } | undefined;

/** The messages of a change, made once for all readers. */
function messagesOf(view: ClusterView, change: ViewChange): readonly SseMessage[] {
  if (latest?.change === change) return latest.messages;
  const messages = composeMessages(view, change);
  latest = { change, messages };
  return messages;
}

function composeMessages(view: ClusterView, change: ViewChange): SseMessage[] {
  const messages: SseMessage[] = [];
  for (const service of change.services) {
    const data = serviceResource(view.tables, service);
    if (data !== undefined) messages.push({ event: "service", data });
    else messages.push({ event: "service-deleted", data: { id: service } });
  }
  for (const node of change.nodes) {
    const data = nodeResource(view.tables, node);
    if (data !== undefined) messages.push({ event: "node", data });
    else messages.push({ event: "node-deleted", data: { id: node } });
  }
  for (const group of change.haGroups) {
    const data = haGroupResource(view.tables, group);
    if (data !== undefined) messages.push({ event: "ha-group", data });
    else messages.push({ event: "ha-group-deleted", data: { id: group } });
  }
  messages.push(...fleetMessages(view.tables, change));
  for (const data of change.events) messages.push({ event: "event", data });
  return messages;
}

/** The revision in `Last-Event-ID`, or a problem with it. */
export function parseLastEventId(header: string | undefined): Result<number | undefined, Problem> {
  if (header === undefined || header === "") return ok(undefined);
  if (/^\d{1,15}$/.test(header)) return ok(Number(header));
  const message = "the header Last-Event-ID is not a revision";
  return {
    ok: false,
    error: problemOf("bad-input", message, [{ path: "header.Last-Event-ID", message }]),
  };
}
