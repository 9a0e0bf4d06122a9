/** What one check is: told of what happens, it accuses when its rule is broken. */
import type { CopyChange } from "../engine/engine.ts";
import type { Commit } from "../store/simulated-store.ts";
import type { Ledger } from "./ledger.ts";
import type { Accuse, Answered, CarriedOut, WorldView } from "./view.ts";

export interface CheckContext {
  readonly view: WorldView;
  readonly ledger: Ledger;
  readonly accuse: Accuse;
}

/** Each method costs what has changed, never the size of the world; they are called in the order of what happens. */
export interface Check {
  /** The ledger shows what was before the commit. */
  beforeCommit?(commit: Commit): void;
  /** The ledger shows the commit. */
  afterCommit?(commit: Commit): void;
  onCopy?(change: CopyChange): void;
  onEffect?(carriedOut: CarriedOut): void;
  onAnswer?(answered: Answered): void;
  /** All that happens at one instant in one place has happened. */
  onEvent?(): void;
  /** The play is over. */
  onEnd?(): void;
}
