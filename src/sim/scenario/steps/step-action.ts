/** What a step of a scenario stands for, before the changes of settings are put onto those in force. */
import type * as z from "zod";
import type { Action } from "../../plan.ts";

/** An action, or fields of the cluster's settings that change. */
export type StepAction =
  | Exclude<Action, { readonly kind: "settings" }>
  | { readonly kind: "settings-change"; readonly change: Readonly<Record<string, unknown>> };

/** Reads the value that stands behind a word. */
export type WordSchema = z.ZodType<readonly StepAction[], unknown>;
