/** A key as readline tells of it. */
export interface KeyPress {
  /** E.g. `up`, `return`, `p`; undefined: a character without a name. */
  readonly name: string | undefined;
  readonly ctrl: boolean;
  /** The character that it writes. */
  readonly text: string | undefined;
}

/** The names by which a binding may call the key: what it writes goes before how it is called. */
export function namesOf({ name, text, ctrl }: KeyPress): readonly string[] {
  if (ctrl) return [];
  const isLetter = text !== undefined && /^[A-Za-z]$/.test(text);
  return [text, isLetter ? undefined : name].filter((each) => each !== undefined);
}
