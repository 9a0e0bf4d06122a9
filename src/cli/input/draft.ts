/** A configuration in the making: plain data that has not been checked yet, changed without being changed in place. */

/** Unchecked fields; the schema of what it becomes checks it as a whole. */
export type Draft = Readonly<Record<string, unknown>>;

/** Whether a value has fields. */
export function isDraft(value: unknown): value is Draft {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value at `path`, undefined where there is none. */
export function draftAt(draft: Draft, path: readonly string[]): unknown {
  let value: unknown = draft;
  for (const key of path) value = isDraft(value) ? value[key] : undefined;
  return value;
}

/** The draft with `value` at `path`; undefined takes the field away. */
export function putDraft(draft: Draft, path: readonly string[], value: unknown): Draft {
  const [key, ...rest] = path;
  if (key === undefined) return draft;
  const { [key]: before, ...others } = draft;
  if (rest.length > 0) {
    return { ...draft, [key]: putDraft(isDraft(before) ? before : {}, rest, value) };
  }
  return value === undefined ? others : { ...draft, [key]: value };
}

/** All fields of both; those of `over` win. */
export function mergeDraft(under: Draft, over: Draft): Draft {
  return { ...under, ...over };
}
