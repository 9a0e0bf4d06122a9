/** The steps of a scenario: when, which word with which value, and for how long. */
import * as z from "zod";
import { type Settings, settingsSchema } from "../../../wire/settings.ts";
import type { TimedAction } from "../../plan.ts";
import type { Path } from "../yaml/document.ts";
import type { References } from "../yaml/names.ts";
import { type Faults, readPart } from "../yaml/parts.ts";
import { duration } from "../yaml/schemas.ts";
import { withDurations } from "../yaml/settings-input.ts";
import { endingOf } from "./ending.ts";
import type { StepAction, WordSchema } from "./step-action.ts";
import { createWords } from "./words.ts";

/** Most steps that a scenario may have. */
const stepsMax = 100_000;

interface PlacedStep {
  readonly atMs: number;
  readonly action: StepAction;
  readonly path: Path;
}

/** Its times are read on their own, so that a fault in one hides none in the word. */
const stepSchema = z.looseObject({ at: z.unknown().optional(), for: z.unknown().optional() });

/** The actions of all steps in order of time; of one instant in the order in which they are written. */
export function readSteps(
  steps: unknown,
  context: { readonly references: References; readonly settings: Settings },
  faults: Faults,
): readonly TimedAction[] {
  if (steps === undefined || steps === null) return [];
  if (!Array.isArray(steps)) {
    faults.add(["steps"], "write a list of steps, each with `at` and one word");
    return [];
  }
  if (steps.length > stepsMax) {
    faults.add(["steps"], `there are more than ${stepsMax}`);
    return [];
  }
  const words = createWords(context.references);
  const placed = steps.flatMap((step: unknown, index) =>
    readStep(step, { words, path: ["steps", index] }, faults),
  );
  placed.sort((left, right) => left.atMs - right.atMs);
  return withSettings(placed, context.settings, faults);
}

interface StepContext {
  readonly words: ReadonlyMap<string, WordSchema>;
  readonly path: Path;
}

function readStep(
  step: unknown,
  { words, path }: StepContext,
  faults: Faults,
): readonly PlacedStep[] {
  const read = readPart(stepSchema, step, path, faults);
  if (read === undefined) return [];
  const { at, for: span, ...rest } = read;
  const atMs = readPart(duration, at, [...path, "at"], faults) ?? 0;
  const forMs = span === undefined ? undefined : readPart(duration, span, [...path, "for"], faults);
  const word = onlyWord(Object.keys(rest), { words, path }, faults);
  if (word === undefined) return [];
  const [name, schema] = word;
  const here = [...path, name];
  const actions = readPart(schema, rest[name], here, faults) ?? [];
  const begun = actions.map((action) => ({ atMs, action, path: here }));
  if (forMs === undefined) return begun;
  const ended = actions.flatMap((action) => {
    const ending = endingOf(action);
    return ending === undefined ? [] : [{ atMs: atMs + forMs, action: ending, path: here }];
  });
  if (ended.length < actions.length) {
    faults.add([...path, "for"], `"${name}" has no end of its own: leave out "for"`);
  }
  return [...begun, ...ended];
}

/** The one word of a step with its schema. */
function onlyWord(
  names: readonly string[],
  { words, path }: StepContext,
  faults: Faults,
): readonly [string, WordSchema] | undefined {
  const [name, second] = names;
  if (name === undefined) {
    faults.add(path, `the step says nothing to do; known are: ${[...words.keys()].join(", ")}`);
    return undefined;
  }
  const schema = words.get(name);
  if (schema === undefined) {
    faults.add(
      [...path, name],
      `unknown step "${name}"; known are: ${[...words.keys()].join(", ")}`,
    );
    return undefined;
  }
  if (second !== undefined) {
    faults.add([...path, second], `a step says one thing: write "${second}" as a step of its own`);
    return undefined;
  }
  return [name, schema];
}

/** Settings that a step changes are put onto those before; null sets a field back. */
function withSettings(
  steps: readonly PlacedStep[],
  first: Settings,
  faults: Faults,
): readonly TimedAction[] {
  let settings = first;
  return steps.flatMap(({ atMs, action, path }): readonly TimedAction[] => {
    if (action.kind !== "settings-change") return [{ atMs, action }];
    const changed = readPart(settingsSchema, mergedOf(settings, action.change), path, faults);
    if (changed === undefined) return [];
    settings = changed;
    return [{ atMs, action: { kind: "settings", settings } }];
  });
}

function mergedOf(settings: Settings, change: Readonly<Record<string, unknown>>): unknown {
  const merged = { ...settings, ...withDurations(change) };
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null));
}
