/** Where the driver keeps things below the agent's data directory. Directories are made 0700, files 0600. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { ServiceId } from "../../../core/ids.ts";

/** `process:api` as a file name: a type has no "-", so no two services share one. */
function fileNameOf(service: ServiceId): string {
  return service.replace(":", "-");
}

export interface DriverPaths {
  /** Directory of a service's logs. */
  logDirectory(service: ServiceId): string;
  /** Where a service runs unless its configuration says otherwise. */
  workDirectory(service: ServiceId): string;
  /** Where an instance's exit status is written when it ends. */
  statusFile(instanceId: string): string;
  /** While this is there, the end of an instance's lifeline does nothing. The shim knows its name, too. */
  looseFile(instanceId: string): string;
}

/** The driver's paths below `dataDirectory`. Nothing is made yet. */
export function driverPaths(dataDirectory: string): DriverPaths {
  const statusFile = (instanceId: string): string =>
    join(dataDirectory, "process", `${encodeURIComponent(instanceId)}.exit`);
  return {
    logDirectory: (service) => join(dataDirectory, "logs", fileNameOf(service)),
    workDirectory: (service) => join(dataDirectory, "work", fileNameOf(service)),
    statusFile,
    looseFile: (instanceId) => `${statusFile(instanceId)}.loose`,
  };
}

/** Makes a directory that only the agent's user may enter. */
export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}
