/** Settings as in the API, in which people may write durations as `20s` instead of milliseconds. */
import { readDuration } from "./quantity.ts";

/** The same data with the durations of fields whose names end in `Ms` as numbers; what is no duration stays. */
export function withDurations(value: unknown): object | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]: [string, unknown]) => {
      if (name.endsWith("Ms") && typeof field === "string") {
        const read = readDuration(field);
        return [name, read.ok ? read.value : field];
      }
      return [name, withDurations(field) ?? field];
    }),
  );
}
