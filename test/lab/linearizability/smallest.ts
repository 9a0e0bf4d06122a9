/**
 * Makes a violation small enough for a person: what is left out could not have caused it. Only such parts are left
 * out that leave a linearizable history linearizable, so what remains is a violation of the whole.
 */
import type { KeyValue, Operation } from "./operation.ts";
import type { SearchVerdict } from "./search.ts";

type Judge = (operations: readonly Operation[]) => SearchVerdict;

const judgedMax = 3_000;

/** A smaller history of the same key that no order explains either. */
export function smallestViolation(
  operations: readonly Operation[],
  judge: Judge,
): readonly Operation[] {
  let judgedCount = 0;
  const isBad: Bad = (some) => {
    judgedCount += 1;
    return judgedCount <= judgedMax && judge(some) === "violation";
  };
  const shortest = shortestPrefix(operations, isBad);
  const fewReads = withoutUnits(shortest, isBad, (some) =>
    some.filter(changesNothing).map((each) => new Set([each])),
  );
  // A comparison that had to fail looks at values without needing one: then writes must stay as they are.
  const hasRefused = fewReads.some(looksAtOthers);
  const smallest = hasRefused ? fewReads : withoutUnits(fewReads, isBad, valueGroups);
  return smallest.toSorted((a, b) => a.invokedAtMs - b.invokedAtMs);
}

type Bad = (operations: readonly Operation[]) => boolean;

/** The history up to the earliest return that makes it bad; what had not returned by then is unknown. */
function shortestPrefix(operations: readonly Operation[], isBad: Bad): readonly Operation[] {
  const returns = operations
    .flatMap(({ returnedAtMs }) => (returnedAtMs === undefined ? [] : [returnedAtMs]))
    .sort((a, b) => a - b);
  let goodCount = 0;
  let badCount = returns.length;
  while (badCount - goodCount > 1) {
    const middle = Math.floor((goodCount + badCount) / 2);
    if (isBad(prefixUntil(operations, returns[middle - 1] ?? 0))) badCount = middle;
    else goodCount = middle;
  }
  return prefixUntil(operations, returns[badCount - 1] ?? 0);
}

function prefixUntil(operations: readonly Operation[], endAtMs: number): readonly Operation[] {
  return operations
    .filter(({ invokedAtMs }) => invokedAtMs <= endAtMs)
    .map((each) => {
      const isOver = each.returnedAtMs !== undefined && each.returnedAtMs <= endAtMs;
      return isOver ? each : { ...each, returnedAtMs: undefined };
    })
    .filter(({ action, returnedAtMs }) => returnedAtMs !== undefined || action.kind !== "read");
}

/** Leaves out units as long as it stays bad: halves first, then quarters, down to single ones. */
function withoutUnits(
  operations: readonly Operation[],
  isBad: Bad,
  unitsOf: (operations: readonly Operation[]) => readonly ReadonlySet<Operation>[],
): readonly Operation[] {
  let left = operations;
  const units = unitsOf(operations);
  for (let size = Math.ceil(units.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let start = 0; start < units.length; start += size) {
      const chunk = units.slice(start, start + size);
      const fewer = left.filter((each) => !chunk.some((unit) => unit.has(each)));
      if (fewer.length < left.length && isBad(fewer)) left = fewer;
    }
  }
  return left;
}

function changesNothing({ action, returnedAtMs }: Operation): boolean {
  if (returnedAtMs === undefined) return false;
  if (action.kind === "read") return true;
  if (action.kind === "write") return false;
  if (action.kind === "compare-and-set") return !action.succeeded;
  return (action.succeeded ? action.then : action.otherwise) === undefined;
}

/** Its comparison failed, or may have failed and then written something. */
function looksAtOthers({ action, returnedAtMs }: Operation): boolean {
  if (action.kind === "read" || action.kind === "write") return false;
  if (returnedAtMs !== undefined) return !action.succeeded;
  return action.kind === "txn" && action.otherwise !== undefined;
}

/** Each operation that writes, with all that need what it wrote, and what these wrote, and so on. */
function valueGroups(operations: readonly Operation[]): readonly ReadonlySet<Operation>[] {
  return operations
    .filter((each) => writtenBy(each) !== undefined)
    .map((writer) => {
      const group = new Set([writer]);
      for (const member of group) {
        const written = writtenBy(member);
        if (written === undefined) continue;
        for (const each of operations) if (needs(each, written.value)) group.add(each);
      }
      return group;
    });
}

function writtenBy({ action }: Operation): { readonly value: KeyValue } | undefined {
  if (action.kind === "read") return undefined;
  return action.kind === "txn" ? action.then : action;
}

function needs({ action }: Operation, value: KeyValue): boolean {
  if (action.kind === "write") return false;
  return (action.kind === "read" ? action.value : action.expected) === value;
}
