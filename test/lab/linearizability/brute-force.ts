/** A dumb second implementation: tries every order of every subset that may have happened. Small histories only. */
import type { KeyValue, Operation } from "./operation.ts";

/** Whether some order of one key's operations explains what they returned. Takes factorial time. */
export function isLinearizableByForce(
  operations: readonly Operation[],
  initial: KeyValue = undefined,
): boolean {
  const tryNext = (left: readonly Operation[], value: KeyValue): boolean => {
    if (left.every(({ returnedAtMs }) => returnedAtMs === undefined)) return true;
    return left.some((next) => {
      const isTooEarly = left.some((other) => (other.returnedAtMs ?? Infinity) < next.invokedAtMs);
      if (isTooEarly) return false;
      const rest = left.filter((other) => other !== next);
      return valuesAfter(next, value).some((after) => tryNext(rest, after.value));
    });
  };
  return tryNext(operations, initial);
}

/** What the key may hold after the operation took effect: none when that contradicts what it returned. */
function valuesAfter(
  { action, returnedAtMs }: Operation,
  value: KeyValue,
): readonly { readonly value: KeyValue }[] {
  const isKnown = returnedAtMs !== undefined;
  if (action.kind === "read") return !isKnown || action.value === value ? [{ value }] : [];
  if (action.kind === "write") return [{ value: action.value }];
  const holds = action.expected === value;
  if (isKnown && action.succeeded !== holds) return [];
  if (action.kind === "compare-and-set") return [{ value: holds ? action.value : value }];
  return [(holds ? action.then : action.otherwise) ?? { value }];
}
