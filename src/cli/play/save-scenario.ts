/** Writes what was played as a scenario file, which plays the same again. */
import { writeFileSync } from "node:fs";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Plan } from "../../sim/plan.ts";
import { formatPlan } from "../../sim/scenario/format-plan.ts";

/** A new file only. Both outcomes are a sentence for the person. */
export function saveScenario(file: string, plan: Plan): Result<string, string> {
  try {
    writeFileSync(file, formatPlan(plan), { flag: "wx" });
  } catch (error: unknown) {
    const isThere = error instanceof Error && "code" in error && error.code === "EEXIST";
    const why = isThere ? "it is there already; name another one" : sentenceOfSystemError(error);
    return err(`cannot write "${file}": ${why}`);
  }
  return ok(`saved; play it again with: holdfast sim run ${file}`);
}
