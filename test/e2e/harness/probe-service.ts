/** The configuration of a probe (test/e2e/probe.ts) as a service. */
import { join } from "node:path";
import type { ServiceConfigInput } from "../../../src/wire/service-config.ts";
import { root } from "../../support/built-program.ts";

export interface ProbeOptions {
  /** Other fields of the service. */
  readonly fields?: Omit<ServiceConfigInput, "id" | "process">;
  readonly process?: Partial<NonNullable<ServiceConfigInput["process"]>>;
  /** Answers HTTP on this port. */
  readonly port?: number;
  /** While this file names the node (or holds *), the probe ends at once with exit code 3. */
  readonly failPath?: string;
}

/** A service that writes run records into the cluster's shared file. */
export function probe(
  cluster: { readonly recordPath: string },
  id: string,
  options: ProbeOptions = {},
): ServiceConfigInput {
  return {
    id,
    ...options.fields,
    process: {
      command: process.execPath,
      arguments: [join(root, "test", "e2e", "probe.ts")],
      environment: {
        RUN_RECORDS: cluster.recordPath,
        ...(options.port === undefined ? {} : { PROBE_PORT: String(options.port) }),
        ...(options.failPath === undefined ? {} : { PROBE_FAIL_FILE: options.failPath }),
      },
      restart: { settleMs: 150, delayMs: 100 },
      stopTimeoutMs: 2_000,
      ...options.process,
    },
  };
}
