/** Files that are replaced as a whole: a crash leaves the old one or the new one, and a reader never sees half of one. */
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file of its own beside it, has it on the disk, and puts it in the place of the old one. Throws what the system says. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  // "wx": the mode counts for a new file only, and a key must not be readable for a moment.
  const file = await open(draft, "wx", mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncFolder(dirname(path));
}

/** Makes a folder for its owner only, and tightens one that is there. */
export async function makePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const folder = await open(path, "r");
  try {
    await folder.chmod(0o700);
  } finally {
    await folder.close();
  }
  await syncFolder(dirname(path));
}

/** The text of a file; undefined: there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error: unknown) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** A rename counts only once its folder is on the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
