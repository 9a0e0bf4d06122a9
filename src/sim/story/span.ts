/** Spans and instants of a play as people read them. */

/** A span: `8.2s`, `1m 12s`, `2h 05m`. */
export function writeSpan(spanMs: number): string {
  if (spanMs < 1_000) return `${Math.round(spanMs)}ms`;
  if (spanMs < 59_950) return `${(spanMs / 1_000).toFixed(1)}s`;
  const seconds = Math.round(spanMs / 1_000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${two(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
}

/** An instant since the beginning, to a tenth of a second: `42.5s`, `2m 02.5s`, `1h 04m 02.5s`. */
export function writeInstant(atMs: number): string {
  const tenths = Math.round(atMs / 100);
  const seconds = (tenths % 600) / 10;
  const minutes = Math.floor(tenths / 600);
  if (minutes === 0) return `${seconds.toFixed(1)}s`;
  const rest = `${seconds < 10 ? "0" : ""}${seconds.toFixed(1)}s`;
  if (minutes < 60) return `${minutes}m ${rest}`;
  return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m ${rest}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
