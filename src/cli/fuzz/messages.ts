/** What the fuzzer and its workers say to each other; plain data. */

import type { Violation } from "../../sim/checks/view.ts";
import type { RandomPlanOptions } from "../../sim/fuzz/plan.ts";

/** Play these seeds; or make one seed's plan as small as it gets. */
export type Task =
  | {
      readonly kind: "play";
      readonly from: number;
      readonly to: number;
      readonly plan: RandomPlanOptions;
    }
  | { readonly kind: "shrink"; readonly seed: number; readonly plan: RandomPlanOptions };

/** A seed whose play broke a rule. */
export interface Finding {
  readonly seed: number;
  readonly violation: Violation;
}

export type TaskAnswer =
  | {
      readonly kind: "played";
      readonly seedCount: number;
      readonly simulatedMs: number;
      readonly eventCount: number;
      readonly findings: readonly Finding[];
    }
  /** `scenario`: the text of the small scenario; undefined: the violation did not come again. */
  | {
      readonly kind: "shrunken";
      readonly seed: number;
      readonly violation: Violation | undefined;
      readonly scenario: string | undefined;
    }
  /** The simulator itself failed. */
  | { readonly kind: "failed"; readonly why: string };
