/** Assertions stay on in production: a broken invariant stops the process instead of a cluster. */

/** A bug in Holdfast itself: something that must always hold does not. Never caught, save to log it. */
export class InvariantError extends Error {
  override readonly name: string = "InvariantError";
}

/** Throws `InvariantError` unless `condition` holds; `mustHold` says what, as a sentence. */
export function assert(condition: boolean, mustHold: string): asserts condition {
  if (!condition) throw new InvariantError(`this must hold and does not: ${mustHold}`);
}

/** The default of an exhaustive `switch`: the compiler proves it unreachable, this proves it at run time. */
export function assertNever(value: never): never {
  throw new InvariantError(`no case for ${JSON.stringify(value)}`);
}
