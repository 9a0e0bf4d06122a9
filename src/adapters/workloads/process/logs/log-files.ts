/**
 * The output files of this node's services. Workloads append to `current.log` by themselves, also while no agent
 * runs; while one runs, it keeps the files within their limits with a single timer for all of them.
 */
import { constants, fstatSync, openSync, statSync } from "node:fs";
import type { ServiceId } from "../../../../core/ids.ts";
import type { Clock } from "../../../../ports/clock.ts";
import type { Log } from "../../../../ports/log.ts";
import type { ProcessConfig } from "../../../../wire/process-config.ts";
import { type DriverPaths, makePrivateDirectory } from "../paths.ts";
import { messageOf } from "../workload-error.ts";
import { logPath, rotateLog } from "./rotate-log.ts";

const defaultCheckEveryMs = 2_000;

export type LogLimits = ProcessConfig["log"];

export interface OpenedLog {
  /** Append-only; the caller closes it. */
  readonly fileDescriptor: number;
  /** Where this instance's output begins, in bytes. */
  readonly startOffset: number;
}

export interface LogFiles {
  /** Opens a service's current file for a new instance; throws what the file system says. */
  open(service: ServiceId): OpenedLog;
  /** Keeps a service's files within `limits` from now on; replaces earlier limits. */
  keepWithin(service: ServiceId, limits: LogLimits): void;
  /** The service runs no more: its files stay as they are. */
  leave(service: ServiceId): void;
  /** Directory of a service's files; made if it was not there. */
  directoryOf(service: ServiceId): string;
  /** How often the service's files were rotated by this object: a file's age plus the number it came into being at. */
  rotations(service: ServiceId): number;
  /** Ends the timer. */
  close(): void;
}

interface LogFilesOptions {
  readonly paths: DriverPaths;
  readonly clock: Clock;
  readonly log: Log;
  /** How often sizes are looked at: a file may grow past its limit for so long. Default: 2 s. */
  readonly checkEveryMs?: number;
}

/** The files below `paths`' log directories. */
export function createLogFiles(options: LogFilesOptions): LogFiles {
  const { paths, clock, log, checkEveryMs = defaultCheckEveryMs } = options;
  const kept = new Map<ServiceId, LogLimits>();
  const rotations = new Map<ServiceId, number>();
  let cancelTimer: (() => void) | undefined;

  const directoryOf = (service: ServiceId): string => {
    const directory = paths.logDirectory(service);
    makePrivateDirectory(directory);
    return directory;
  };
  const schedule = (): void => {
    if (cancelTimer !== undefined || kept.size === 0) return;
    cancelTimer = clock.after(checkEveryMs, () => {
      void checkAll().then(() => {
        cancelTimer = undefined;
        schedule();
      });
    });
  };
  const checkAll = async (): Promise<void> => {
    for (const [service, limits] of [...kept]) await maybeRotate(service, limits);
  };
  const maybeRotate = async (service: ServiceId, limits: LogLimits): Promise<void> => {
    const directory = paths.logDirectory(service);
    try {
      if (statSync(logPath(directory, 0)).size <= limits.bytesMax) return;
      await rotateLog(directory, limits.filesMax);
      rotations.set(service, (rotations.get(service) ?? 0) + 1);
    } catch (error: unknown) {
      log.write("warn", `cannot rotate the log of "${service}": ${messageOf(error)}`, { service });
    }
  };
  return {
    open: (service) => openAppending(logPath(directoryOf(service), 0)),
    keepWithin: (service, limits) => {
      kept.set(service, limits);
      schedule();
    },
    leave: (service) => {
      kept.delete(service);
    },
    directoryOf,
    rotations: (service) => rotations.get(service) ?? 0,
    close: () => {
      kept.clear();
      cancelTimer?.();
    },
  };
}

function openAppending(path: string): OpenedLog {
  const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;
  const fileDescriptor = openSync(path, flags, 0o600);
  return { fileDescriptor, startOffset: fstatSync(fileDescriptor).size };
}
