/** Whether there is something at a path. */
import { access } from "node:fs/promises";

/** A path that cannot be looked at counts as one where nothing is. */
export async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
