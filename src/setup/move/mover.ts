/** The move to etcd of a server on the embedded store, as its API begins it: one at a time, and again after a failure. */
import type { MoveStatus } from "../../wire/servers.ts";
import type { EngineOptions, OpenEngine } from "../engine/open-engine.ts";
import { moveToEtcd } from "./move-to-etcd.ts";

export interface Mover {
  /** Begins it, unless it goes on or is done already. */
  begin(): MoveStatus;
  status(): MoveStatus;
  /** Resolves with the new engine once it is the truth. Rejects for a bug, or when it is not known which one is. */
  readonly moved: Promise<OpenEngine>;
  /** Cuts off a move that goes on, and closes what nobody took. Idempotent. */
  end(): Promise<void>;
}

/** Nothing is begun yet. */
export function createMover(engine: OpenEngine, options: EngineOptions): Mover {
  const { gate } = engine;
  const { log } = options;
  const moved = Promise.withResolvers<OpenEngine>();
  moved.promise.catch(() => undefined); // whoever waits hears of it; without anybody it must not end the process
  const cut = new AbortController();
  const signal = AbortSignal.any([options.signal, cut.signal]);
  let underWay: Promise<void> = Promise.resolve();
  let status: MoveStatus =
    gate === undefined
      ? { state: "done", detail: "the store is etcd" }
      : { state: "not-begun", detail: "the store is the embedded one" };

  async function move(source: NonNullable<typeof gate>): Promise<void> {
    const onStatus = (next: MoveStatus): void => {
      status = next;
    };
    const done = await moveToEtcd({ ...options, signal, source, onStatus });
    if (!done.ok) {
      status = { state: "failed", detail: done.error };
      log.write("error", `the store stays as it was: ${done.error}`);
    } else if (signal.aborted) {
      await done.value.close(); // it is the truth, and the next start opens it
    } else {
      moved.resolve(done.value);
    }
  }

  return {
    moved: moved.promise,
    status: () => status,
    begin() {
      if (gate === undefined || status.state === "going-on") return status;
      status = { state: "going-on", detail: "begins" };
      underWay = move(gate).catch((error: unknown) => moved.reject(error));
      return status;
    },
    async end() {
      cut.abort();
      await underWay;
    },
  };
}
