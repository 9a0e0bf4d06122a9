/** Crashes that hit a manager between two of its writes: the first has taken effect, the next is never made. */
import { nodeIdIn } from "../../runtime/manager-records.ts";
import { keys } from "../../wire/records.ts";
import type { Engine } from "../engine/engine.ts";
import type { Machine } from "../node/machine.ts";
import type { Action } from "../plan.ts";
import type { Commit } from "../store/simulated-store.ts";

type Crash = Extract<Action, { readonly kind: "crash-manager" }>;

export interface ManagerCrashOptions {
  readonly engine: Engine;
  readonly machines: readonly Machine[];
  readonly onCrash: () => void;
}

/** Counts managers' writes while a crash is planned. */
export class ManagerCrash {
  readonly #options: ManagerCrashOptions;
  #planned: Crash | undefined;
  #writesLeft = 0;
  #listens = false;

  constructor(options: ManagerCrashOptions) {
    this.#options = options;
  }

  /** Plans a crash; it replaces one that has not come yet. Without a write to come after, there is none. */
  plan(crash: Crash): void {
    this.#planned = crash.afterWrites === 0 ? undefined : crash;
    this.#writesLeft = crash.afterWrites;
    if (this.#listens) return;
    this.#listens = true;
    this.#options.engine.store.onCommit((commit) => this.#onCommit(commit));
  }

  #onCommit({ txn }: Commit): void {
    const crash = this.#planned;
    if (crash === undefined || txn === undefined) return;
    if (!txn.compare.some(({ kind, key }) => kind === "created-at" && key === keys.manager)) return;
    this.#writesLeft -= 1;
    if (this.#writesLeft > 0) return;
    this.#planned = undefined;
    const { engine, machines, onCrash } = this.#options;
    const { schedule, store } = engine;
    const value = Object(store.get(keys.manager)?.value);
    const machine = machines.find(({ node }) => node === nodeIdIn(String(value.serverId), ""));
    // Nothing can be sent before it: what the write's answer causes comes later.
    schedule.at(schedule.nowMs, () => {
      machine?.crash("server", crash.restartAfterMs);
      onCrash();
    });
  }
}
