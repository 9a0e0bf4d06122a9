/** Cuts a byte stream into lines of bounded length. */

/** Returns a function that takes chunks in and calls `onLine` for each whole line; false: a line was too long. */
export function createLineReader(
  bytesMax: number,
  onLine: (line: string) => void,
): (chunk: string) => boolean {
  let rest = "";
  return (chunk) => {
    rest += chunk;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + 1);
      if (line.length > bytesMax) return false;
      if (line !== "") onLine(line);
    }
    return rest.length <= bytesMax;
  };
}
