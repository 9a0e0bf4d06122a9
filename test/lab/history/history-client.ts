/** What a recorded history is made of: a few operations on keys, whose outcome is told apart in three. */
import type { BranchWrite, KeyValue } from "../linearizability/operation.ts";

/** `not-done`: it certainly had no effect and never will have. `unknown`: nobody can say. */
export type Outcome<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "not-done" }
  | { readonly kind: "unknown" };

/** What was read of a key, with what a later condition refers to it by. */
export interface Seen {
  readonly value: KeyValue;
  readonly token: number | undefined;
}

/** A way to the system under test. Methods never reject for what the world does. */
export interface HistoryClient {
  read(key: string): Promise<Outcome<Seen>>;
  write(key: string, value: string): Promise<Outcome<void>>;
  /** Done with false: the key did not hold what was expected, and was left alone. */
  compareAndSet(key: string, expected: Seen, value: string): Promise<Outcome<boolean>>;
  /** What a store can do besides. */
  readonly further?: {
    remove(key: string): Promise<Outcome<void>>;
    txn(key: string, asked: TxnAsked): Promise<Outcome<boolean>>;
  };
}

export interface TxnAsked {
  readonly expected: Seen;
  readonly then: BranchWrite | undefined;
  readonly otherwise: BranchWrite | undefined;
}
