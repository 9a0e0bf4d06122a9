/** Words for what an operating system refuses: people get these, not codes. */

const sentences: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the disk",
  ENOTDIR: "a part of the path is not a directory",
  EEXIST: "it is there already and is something else",
  ENOENT: "no such file or folder",
  EADDRINUSE: "another process uses this address and port",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "there is no such host",
};

/** What the operating system said, in words; any other error's own message. */
export function sentenceOfSystemError(error: unknown): string {
  const known = sentences[codeOf(error) ?? ""];
  if (known !== undefined) return known;
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
