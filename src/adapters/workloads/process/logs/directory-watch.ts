/** Waits for a change in a directory: by the file system's notices where they work, by looking again where not. */
import { type FSWatcher, watch } from "node:fs";
import type { Clock } from "../../../../ports/clock.ts";
import { sleep } from "../waiting.ts";

export interface DirectoryWatch {
  /** Resolves after the next change since the last call, after the fallback's time, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** Watches `path`; where that is refused (too many watches), `changed` resolves every `lookAgainMs`. */
export function watchDirectory(path: string, clock: Clock, lookAgainMs: number): DirectoryWatch {
  let notice = new AbortController();
  const watcher = tryWatch(path, () => notice.abort());
  return {
    changed: async (signal) => {
      await sleep(clock, lookAgainMs, AbortSignal.any([signal, notice.signal]));
      notice = new AbortController();
    },
    close: () => watcher?.close(),
  };
}

/** A refused or broken watch is harmless: the fallback's time bounds the wait. */
function tryWatch(path: string, onChange: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, { persistent: false }, onChange);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
