/** A log that nobody reads. */
import type { Log } from "../../../src/ports/log.ts";

export const silentLog: Log = { write: () => undefined, with: () => silentLog };
