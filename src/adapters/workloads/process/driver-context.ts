/** What all parts of one driver share. */
import type { Clock } from "../../../ports/clock.ts";
import type { Log } from "../../../ports/log.ts";
import type { WorkloadListener } from "../../../ports/workload.ts";
import type { EndWatch } from "./end/end-watch.ts";
import type { LiveInstance } from "./live-instance.ts";
import type { LogFiles } from "./logs/log-files.ts";
import type { DriverPaths } from "./paths.ts";
import type { SystemTools } from "./start/system-tools.ts";

export interface DriverContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly listener: WorkloadListener;
  readonly paths: DriverPaths;
  readonly logs: LogFiles;
  readonly endWatch: EndWatch;
  /** Changes with each start of the machine: no process outlives it. */
  readonly bootId: string;
  /** By instance id; an instance leaves it when all of it is dead. */
  readonly live: Map<string, LiveInstance>;
  /** Found out at the first need. */
  tools(): Promise<SystemTools | { readonly fault: string }>;
  /** Aborts when the driver is closed. */
  readonly closed: AbortSignal;
}
