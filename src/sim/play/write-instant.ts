/** An instant of virtual time as a person reads it. */

/** `12.3s` below a minute, else `3m 07.3s` or `1h 03m 07.3s`. */
export function writeInstant(atMs: number): string {
  const tenths = Math.floor(atMs / 100);
  const seconds = (tenths % 600) / 10;
  const minutes = Math.floor(tenths / 600) % 60;
  const hours = Math.floor(tenths / 36_000);
  const two = (text: string, width: number): string => text.padStart(width, "0");
  if (hours > 0) return `${hours}h ${two(String(minutes), 2)}m ${two(seconds.toFixed(1), 4)}s`;
  return minutes > 0 ? `${minutes}m ${two(seconds.toFixed(1), 4)}s` : `${seconds.toFixed(1)}s`;
}
