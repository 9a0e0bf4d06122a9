/** Operations of one key in the one form that the search works with: compare a value, then write or not. */
import type { Action, KeyValue, Operation } from "./operation.ts";

/** A value by its number; 0 is "not there". */
export type ValueId = number;

export interface Step {
  readonly invokedAtMs: number;
  /** Infinity: unknown. */
  readonly returnedAtMs: number;
  /** Undefined: nothing is compared. */
  readonly compared: ValueId | undefined;
  /** What the comparison is known to have given. */
  readonly outcome: "held" | "failed" | "unknown";
  readonly whenHeld: ValueId | undefined;
  readonly whenFailed: ValueId | undefined;
}

export interface KeySteps {
  /** In order of invocation. */
  readonly known: readonly Step[];
  readonly unknown: readonly Step[];
  readonly valueCount: number;
  readonly initial: ValueId;
}

/** What a step leaves when it takes effect on `value`; undefined: its outcome contradicts that. */
export function applyStep(step: Step, value: ValueId): ValueId | undefined {
  const holds = step.compared === undefined || step.compared === value;
  if (step.outcome !== "unknown" && holds !== (step.outcome === "held")) return undefined;
  return (holds ? step.whenHeld : step.whenFailed) ?? value;
}

/** Values that a step may write. */
export function writesOf(step: Step): readonly ValueId[] {
  const all = step.outcome === "held" ? [step.whenHeld] : [step.whenHeld, step.whenFailed];
  const wanted = step.outcome === "failed" ? [step.whenFailed] : all;
  return wanted.filter((value) => value !== undefined);
}

/** The value without which a step of known outcome contradicts itself. */
export function needOf(step: Step): ValueId | undefined {
  return step.outcome === "held" ? step.compared : undefined;
}

/** Translates the operations of one key. Reads of unknown outcome say nothing and are left out. */
export function stepsOf(operations: readonly Operation[], initial: KeyValue): KeySteps {
  const ids = new Map<KeyValue, ValueId>([[undefined, 0]]);
  const idOf = (value: KeyValue): ValueId => {
    const id = ids.get(value) ?? ids.size;
    ids.set(value, id);
    return id;
  };
  const initialId = idOf(initial);
  const steps = operations
    .filter(({ action, returnedAtMs }) => returnedAtMs !== undefined || action.kind !== "read")
    .map((operation) => stepOf(operation, idOf))
    .sort((a, b) => a.invokedAtMs - b.invokedAtMs);
  return {
    known: steps.filter(({ returnedAtMs }) => returnedAtMs !== Number.POSITIVE_INFINITY),
    unknown: steps.filter(({ returnedAtMs }) => returnedAtMs === Number.POSITIVE_INFINITY),
    valueCount: ids.size,
    initial: initialId,
  };
}

type IdOf = (value: KeyValue) => ValueId;

function stepOf({ invokedAtMs, returnedAtMs, action }: Operation, idOf: IdOf): Step {
  const isKnown = returnedAtMs !== undefined;
  return {
    invokedAtMs,
    returnedAtMs: returnedAtMs ?? Number.POSITIVE_INFINITY,
    outcome: isKnown ? outcomeOf(action) : "unknown",
    ...effectOf(action, idOf),
  };
}

function outcomeOf(action: Action): "held" | "failed" {
  if (action.kind === "read" || action.kind === "write") return "held";
  return action.succeeded ? "held" : "failed";
}

function effectOf(action: Action, idOf: IdOf): Pick<Step, "compared" | "whenHeld" | "whenFailed"> {
  switch (action.kind) {
    case "read":
      return { compared: idOf(action.value), whenHeld: undefined, whenFailed: undefined };
    case "write":
      return { compared: undefined, whenHeld: idOf(action.value), whenFailed: undefined };
    case "compare-and-set":
      return {
        compared: idOf(action.expected),
        whenHeld: idOf(action.value),
        whenFailed: undefined,
      };
    case "txn":
      return {
        compared: idOf(action.expected),
        whenHeld: action.then === undefined ? undefined : idOf(action.then.value),
        whenFailed: action.otherwise === undefined ? undefined : idOf(action.otherwise.value),
      };
  }
}
