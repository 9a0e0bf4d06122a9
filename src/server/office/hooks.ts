/**
 * The hooks of a server, in order and one at a time: each is run once for a change, and one that was called off before
 * it began is never run. What a program was told last decides whether there is anything to tell.
 */
import type { Log } from "../../ports/log.ts";
import type {
  HookCall,
  HookOccasion,
  HookOutcome,
  HookRunner,
  OfficeRole,
} from "../../ports/office.ts";
import { hookWords, isSuccess } from "./hook-words.ts";

export interface OfficeHooks {
  /** The first of a life: ends what an earlier life has left running, and tells that this server is a follower. */
  begin(): void;
  /** Tells that it leads. Resolves when the program has ended; `signal` is the term's, and calls it off. */
  lead(term: number, signal: AbortSignal): Promise<"done" | "failed" | "called-off">;
  /** Tells that it leads no more, if anybody was told that it does. Resolves when the program has ended. */
  follow(occasion: HookOccasion): Promise<void>;
  /** How the last run ended, for a person; undefined: there was none. */
  lastRun(): string | undefined;
}

export function createOfficeHooks({
  runner,
  log,
}: {
  readonly runner: HookRunner;
  readonly log: Log;
}): OfficeHooks {
  const never = new AbortController().signal;
  let told: OfficeRole | undefined;
  let term: number | undefined;
  let last: string | undefined;
  // It never rejects: runs do not.
  let line: Promise<unknown> = Promise.resolve();

  function inLine<T>(task: () => Promise<T>): Promise<T> {
    const done = line.then(task);
    line = done;
    return done;
  }

  async function run(call: HookCall, signal: AbortSignal): Promise<HookOutcome | undefined> {
    if (!runner.has(call.role)) return undefined;
    const outcome = await runner.run(call, signal);
    last = hookWords(call.role, outcome);
    log.write(isSuccess(outcome) || outcome.kind === "called-off" ? "info" : "error", last);
    return outcome;
  }

  async function follow(occasion: HookOccasion): Promise<void> {
    if (told === "follower") return;
    await run({ role: "follower", occasion, term }, never);
    told = "follower";
  }

  return {
    begin: () =>
      void inLine(async () => {
        await runner.endLeftover();
        await follow("start");
      }),
    lead: (createRevision, signal) =>
      inLine(async () => {
        if (signal.aborted) return "called-off";
        term = createRevision;
        told = undefined; // from now on the follower's hook has something to undo
        const call = { role: "leader", occasion: "elected", term } as const;
        const outcome = await run(call, signal);
        if (outcome?.kind === "called-off") return "called-off";
        if (outcome !== undefined && !isSuccess(outcome)) return "failed";
        told = "leader";
        return "done";
      }),
    follow: (occasion) => inLine(() => follow(occasion)),
    lastRun: () => last,
  };
}
