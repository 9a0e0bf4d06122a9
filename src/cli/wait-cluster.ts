/** Waits for what concerns more than one service: a node that is emptied, a cluster that is disarmed. */
import type { Client } from "../client/client.ts";
import type { WatchUpdate } from "../client/watch.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { ArmingResource, NodeResource, ServiceResource } from "../wire/api.ts";
import { type Failure, fail, failOfApi } from "./failure.ts";
import { createProgress, type Progress } from "./progress.ts";
import type { Session } from "./session.ts";

/** What is still missing, as a sentence; empty: it is not known yet; undefined: it is reached. A failure ends the wait. */
type Look = (update: WatchUpdate) => Promise<Result<string | undefined, Failure>>;

interface Wait {
  readonly subject: string;
  readonly kinds: readonly ("service" | "node" | "event")[];
  readonly timeoutMs: number;
  readonly look: Look;
}

/** Follows the watch until `look` misses nothing; the value is the span that it took, in ms. */
async function waitUntil(
  session: Session,
  client: Client,
  wait: Wait,
): Promise<Result<number, Failure>> {
  const { io } = session;
  const startedAtMs = io.nowMs();
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, io.signal, AbortSignal.timeout(wait.timeoutMs)]);
  const progress: Progress = createProgress(io);
  let missing = "no server has answered yet";
  try {
    const watch = client.watch({ kinds: wait.kinds, signal, firstFailure: "retry" });
    for await (const update of watch) {
      if (!update.ok) return failOfApi(update.error);
      const looked = await wait.look(update.value);
      if (!looked.ok) return looked;
      if (looked.value === undefined) return ok(io.nowMs() - startedAtMs);
      if (looked.value === "") continue;
      missing = looked.value;
      progress.show(wait.subject, missing);
    }
  } finally {
    ended.abort();
    progress.end();
  }
  if (io.signal.aborted) return fail(130, "interrupted", "the change itself stays made");
  return err({
    exitCode: 1,
    what: `after ${wait.timeoutMs / 1_000} s: ${missing}`,
    hint: "it goes on; look with: holdfast status",
  });
}

/** Waits until the cluster is in the state. */
export function waitForArming(
  session: Session,
  client: Client,
  goal: { readonly state: ArmingResource["state"]; readonly timeoutMs: number },
): Promise<Result<number, Failure>> {
  return waitUntil(session, client, {
    subject: "cluster",
    kinds: ["event", "service"],
    timeoutMs: goal.timeoutMs,
    look: async (update) => {
      if (update.kind !== "ready" && !mayMatter(update)) return ok("the cluster is disarming");
      const arming = await client.arming();
      if (!arming.ok) return failOfApi(arming.error);
      const { state, waitsFor } = arming.value;
      if (state === goal.state) return ok(undefined);
      return ok(`the cluster is ${state}: ${waitsFor[0] ?? "the manager has not answered yet"}`);
    },
  });
}

function mayMatter(update: WatchUpdate): boolean {
  return update.kind === "event" && update.resource.code === "arming";
}

/** Waits until a node is in maintenance with nothing running on it, or takes services again. */
export function waitForMaintenance(
  session: Session,
  client: Client,
  goal: { readonly node: string; readonly wish: "on" | "off"; readonly timeoutMs: number },
): Promise<Result<number, Failure>> {
  const services = new Map<string, ServiceResource>();
  let node: NodeResource | undefined;
  let isReady = false;
  return waitUntil(session, client, {
    subject: goal.node,
    kinds: ["node", "service"],
    timeoutMs: goal.timeoutMs,
    look: (update) => {
      if (update.kind === "service") services.set(update.resource.id, update.resource);
      else if (update.kind === "service-deleted") services.delete(update.id);
      else if (update.kind === "node" && update.resource.id === goal.node) node = update.resource;
      else if (update.kind === "ready") isReady = true;
      const known = isReady ? node : undefined;
      if (known === undefined) return Promise.resolve(ok(""));
      const missing =
        goal.wish === "on" ? missingFromEmpty(known, services) : missingFromOnline(known);
      return Promise.resolve(ok(missing));
    },
  });
}

/** Waits until nothing runs on a flushed node but what stays there. */
export function waitForFlush(
  session: Session,
  client: Client,
  goal: {
    readonly node: string;
    readonly stays: ReadonlySet<string>;
    readonly timeoutMs: number;
  },
): Promise<Result<number, Failure>> {
  const services = new Map<string, ServiceResource>();
  let isReady = false;
  return waitUntil(session, client, {
    subject: goal.node,
    kinds: ["service"],
    timeoutMs: goal.timeoutMs,
    look: (update) => {
      if (update.kind === "service") services.set(update.resource.id, update.resource);
      else if (update.kind === "service-deleted") services.delete(update.id);
      else if (update.kind === "ready") isReady = true;
      const leaving = [...services.values()].filter(({ id }) => !goal.stays.has(id));
      return Promise.resolve(ok(isReady ? leftOn(goal.node, leaving) : ""));
    },
  });
}

function missingFromOnline(node: NodeResource): string | undefined {
  return node.state === "maintenance" ? `${node.id} is still in maintenance` : undefined;
}

function missingFromEmpty(
  node: NodeResource,
  services: ReadonlyMap<string, ServiceResource>,
): string | undefined {
  if (node.state !== "maintenance") return `${node.id} is ${node.state}`;
  return leftOn(node.id, [...services.values()]);
}

function leftOn(node: string, services: readonly ServiceResource[]): string | undefined {
  const left = services.filter((service) => service.node === node && runsThere(service));
  const [first] = left;
  if (first === undefined) return undefined;
  return `${left.length} to move away from ${node}: ${first.id} is ${first.state}, ${first.reason}`;
}

/** What is stopped for good, in error or ignored stays where it is. */
function runsThere(service: ServiceResource): boolean {
  const stays = ["stopped", "error", "ignored", "freeze"];
  return service.requested !== "ignored" && !stays.includes(service.state);
}
