/** What clients did to one key, and when: the words of a history. */

/** What a key holds; undefined: it is not there. */
export type KeyValue = string | undefined;

/** A write of a transaction's branch; its `value` undefined deletes the key. */
export interface BranchWrite {
  readonly value: KeyValue;
}

/** What was asked and, where the outcome is known, what came of it. */
export type Action =
  | { readonly kind: "read"; readonly value: KeyValue }
  | { readonly kind: "write"; readonly value: KeyValue }
  | {
      readonly kind: "compare-and-set";
      readonly expected: KeyValue;
      readonly value: KeyValue;
      readonly succeeded: boolean;
    }
  | {
      readonly kind: "txn";
      readonly expected: KeyValue;
      /** Undefined: this branch writes nothing. */
      readonly then: BranchWrite | undefined;
      readonly otherwise: BranchWrite | undefined;
      readonly succeeded: boolean;
    };

export interface Operation {
  /** Whoever asked: one operation at a time. */
  readonly process: string;
  readonly key: string;
  /** Monotonic milliseconds, of one clock for the whole history. */
  readonly invokedAtMs: number;
  /**
   * Undefined: the outcome is unknown. Then it took effect at any time after its invocation, or never, and what its
   * action says of the outcome (`value` of a read, `succeeded`) counts for nothing.
   */
  readonly returnedAtMs: number | undefined;
  readonly action: Action;
}
