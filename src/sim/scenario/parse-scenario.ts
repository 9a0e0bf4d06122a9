/** Reads a scenario file of either form into a plan: the project's own YAML form, or the recorded JSON form. */
import type { Result } from "../../core/result.ts";
import { err } from "../../core/result.ts";
import type { Plan } from "../plan.ts";
import { planOfConformance } from "./conformance/conformance.ts";
import { planOfYaml } from "./yaml/yaml.ts";

/** Longest file that is read, in characters: far more than a cluster of a thousand nodes needs. */
const scenarioLengthMax = 16 * 1_024 * 1_024;

/** The plan, or every fault of the file as one line with file, place and what to do. */
export function parseScenario(text: string, fileName: string): Result<Plan, readonly string[]> {
  if (text.length > scenarioLengthMax) {
    return err([`${fileName}: it is longer than ${scenarioLengthMax} characters`]);
  }
  const recorded = tryRecorded(text);
  return recorded === undefined
    ? planOfYaml(text, fileName)
    : planOfConformance(recorded, fileName);
}

/** The data of a file in the recorded form; undefined: it is in the other one, or in none. */
function tryRecorded(text: string): object | undefined {
  if (!text.trimStart().startsWith("{")) return undefined;
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return undefined; // the reader of YAML tells where it is broken
  }
  return typeof data === "object" && data !== null && isRecorded(data) ? data : undefined;
}

/** Only that form ends at `endAt`, tells what was recorded, or has orders in `do`. */
function isRecorded(data: object): boolean {
  if ("endAt" in data || "expect" in data) return true;
  if (!("steps" in data) || !Array.isArray(data.steps)) return false;
  return data.steps.some(
    (step: unknown) => typeof step === "object" && step !== null && "do" in step,
  );
}
