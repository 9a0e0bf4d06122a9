/**
 * Waits until services are where a change wants them, by following the watch, and shows on standard error how far
 * they are. Ends with what to do when a service ends in `error`, goes elsewhere, or time is up.
 */
import type { Client } from "../client/client.ts";
import type { WatchUpdate } from "../client/watch.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { EventResource, ServiceResource } from "../wire/api.ts";
import { type Failure, fail, failOfApi } from "./failure.ts";
import { createProgress, type Progress } from "./progress.ts";
import type { Session } from "./session.ts";

/** Where a service is to end; `revision`: ignore what was seen of it before the change that is waited for. */
export type Goal = {
  readonly service: string;
  readonly revision?: number | undefined;
  /** The newest event before the order that is waited for: a refusal since then is one of this order. */
  readonly eventsAfter?: number | undefined;
} & (
  | { readonly kind: "running"; readonly node?: string | undefined }
  | { readonly kind: "stopped"; readonly node?: string | undefined }
  | { readonly kind: "gone" }
);

export interface WaitOptions {
  readonly timeoutMs: number;
}

/** How long `--wait` waits unless told otherwise. */
export const waitMsDefault = 60_000;
/** The longest wait that can be asked for: a week, far below what a timer can count. */
export const waitMsMax = 604_800_000;

/** So many of a service's latest events are looked through for a refusal. */
const eventsReadMax = 20;

type Verdict = "met" | "pending" | Failure;

interface Waiting {
  readonly goal: Goal;
  last: ServiceResource | undefined;
  /** It was seen on its way between nodes since the wait began. */
  moved: boolean;
}

/** Follows the watch until all goals are met (the span it took in ms), or one cannot be. */
export async function waitForGoals(
  session: Session,
  client: Client,
  goals: readonly Goal[],
  options: WaitOptions,
): Promise<Result<number, Failure>> {
  if (goals.length === 0) return ok(0);
  const startedAtMs = session.io.nowMs();
  const ended = new AbortController();
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([ended.signal, session.io.signal, timeout]);
  const waiting = new Map(
    goals.map((goal): [string, Waiting] => [goal.service, { goal, last: undefined, moved: false }]),
  );
  const progress = createProgress(session.io);
  try {
    const kinds = ["service", "event"] as const;
    for await (const update of client.watch({ kinds, signal, firstFailure: "retry" })) {
      if (!update.ok) return failOfApi(update.error);
      const failure =
        take(waiting, update.value, progress) ??
        (update.value.kind === "ready" ? await refusedAlready(client, waiting) : undefined);
      if (failure !== undefined) return err(failure);
      if (waiting.size === 0) return ok(session.io.nowMs() - startedAtMs);
    }
  } finally {
    ended.abort();
    progress.end();
  }
  if (session.io.signal.aborted) return fail(130, "interrupted", "the change itself stays made");
  return err(timedOut(waiting, options.timeoutMs));
}

/** Takes one update; removes the goals that it meets. */
function take(
  waiting: Map<string, Waiting>,
  update: WatchUpdate,
  progress: Progress,
): Failure | undefined {
  switch (update.kind) {
    case "service": {
      const entry = waiting.get(update.resource.id);
      if (entry === undefined) return undefined;
      progress.show(update.resource.id, lineOf(update.resource));
      return settle(waiting, entry, judge(entry, update.resource));
    }
    case "service-deleted": {
      const entry = waiting.get(update.id);
      return entry === undefined ? undefined : settle(waiting, entry, judgeGone(entry.goal));
    }
    case "event": {
      const entry = waiting.get(update.resource.subject);
      return entry === undefined ? undefined : judgeEvent(entry, update.resource);
    }
    case "ready": {
      for (const entry of [...waiting.values()]) {
        if (entry.last === undefined && entry.goal.kind === "gone") settle(waiting, entry, "met");
      }
      return undefined;
    }
    case "lost":
      progress.show("", `${update.error.message}; connecting again`);
      return undefined;
    case "reset":
    case "node":
    case "node-deleted":
    case "ha-group":
    case "ha-group-deleted":
    case "deployment":
    case "deployment-deleted":
    case "rollout":
    case "rollout-deleted":
    case "instance":
    case "instance-deleted":
      return undefined;
  }
}

function settle(
  waiting: Map<string, Waiting>,
  entry: Waiting,
  verdict: Verdict,
): Failure | undefined {
  if (verdict === "met") waiting.delete(entry.goal.service);
  return typeof verdict === "string" ? undefined : verdict;
}

function judgeGone(goal: Goal): Verdict {
  if (goal.kind === "gone") return "met";
  return { exitCode: 3, what: `${goal.service} was removed meanwhile`, hint: undefined };
}

function judge(entry: Waiting, service: ServiceResource): Verdict {
  const { goal } = entry;
  if (goal.revision !== undefined && service.revision < goal.revision) return "pending";
  entry.last = service;
  if (service.state === "migrate" || service.state === "relocate") entry.moved = true;
  if (service.state === "error" && service.requested !== "disabled") return inError(service);
  switch (goal.kind) {
    case "gone":
      return "pending";
    case "stopped":
      if (service.state !== "stopped") return "pending";
      return goal.node === undefined || service.node === goal.node ? "met" : "pending";
    case "running":
      return judgeRunning(entry, service, goal.node);
  }
}

function judgeRunning(entry: Waiting, service: ServiceResource, node: string | undefined): Verdict {
  if (service.requested !== "started") {
    const what = `${service.id} is requested ${service.requested} meanwhile`;
    return { exitCode: 4, what, hint: `see who did it with: holdfast audit list` };
  }
  const runs = service.state === "started" && service.running === "running";
  if (!runs || !["none", "healthy"].includes(service.health)) return "pending";
  if (entry.goal.revision !== undefined && !service.applied) return "pending";
  if (node === undefined || service.node === node) return "met";
  return entry.moved ? movedElsewhere(service, node) : "pending";
}

function movedElsewhere(service: ServiceResource, node: string): Failure {
  const what = `${service.id} did not go to ${node}, it runs on ${service.node ?? "no node"}: ${service.reason}`;
  return { exitCode: 1, what, hint: `look with: holdfast why ${service.id}` };
}

/** A manager is often quicker with its refusal than the watch with its beginning, which tells no earlier events. */
async function refusedAlready(
  client: Client,
  waiting: ReadonlyMap<string, Waiting>,
): Promise<Failure | undefined> {
  for (const entry of waiting.values()) {
    const { service, eventsAfter } = entry.goal;
    if (eventsAfter === undefined) continue;
    const page = await client.events({ subject: service, limit: eventsReadMax });
    const since = page.ok ? page.value.items.filter(({ revision }) => revision > eventsAfter) : [];
    for (const event of since) {
      const failure = judgeEvent(entry, event);
      if (failure !== undefined) return failure;
    }
  }
  return undefined;
}

/** The manager's own refusal of a command comes as an event about it. */
function judgeEvent(entry: Waiting, event: EventResource): Failure | undefined {
  if (event.code !== "command-refused") return undefined;
  return {
    exitCode: 5,
    what: `${entry.goal.service}: ${event.sentence}`,
    hint: `look with: holdfast why ${entry.goal.service}`,
  };
}

/** The failure of a service that only a person can help. */
export function inError(service: ServiceResource): Failure {
  const detail = service.detail === "" ? "" : ` (${service.detail})`;
  const hint = `correct the cause, then: holdfast service disable ${service.id} --wait && holdfast service start ${service.id}`;
  return { exitCode: 1, what: `${service.id} is in error: ${service.reason}${detail}`, hint };
}

function timedOut(waiting: ReadonlyMap<string, Waiting>, timeoutMs: number): Failure {
  const states = [...waiting.values()].map(({ goal, last }) =>
    last === undefined ? `${goal.service} is not seen yet` : `${lineOf(last)}: ${last.reason}`,
  );
  const first = [...waiting.keys()][0] ?? "";
  return {
    exitCode: 1,
    what: `after ${timeoutMs / 1_000} s: ${states.join("; ")}`,
    hint: `look with: holdfast why ${first}`,
  };
}

function lineOf(service: ServiceResource): string {
  const place = service.node === undefined ? "" : ` on ${service.node}`;
  const target = service.target === undefined ? "" : ` to ${service.target}`;
  const health = ["none", "unknown"].includes(service.health) ? "" : `, ${service.health}`;
  return `${service.id} is ${service.state}${place}${target}, ${service.running}${health}`;
}
