/** The two services of the demo, as a person would write them. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ServiceConfigInput } from "../wire/service-config.ts";

export interface DemoServicesOptions {
  /** The file that holds the program: its folder also holds the workloads. */
  readonly mainPath: string;
  readonly webPort: number;
  /** The shared file of all copies. */
  readonly recordPath: string;
}

/** `process:web`, a small HTTP server with a health check, and `process:worker`. */
export function demoServices(options: DemoServicesOptions): readonly ServiceConfigInput[] {
  const { mainPath, webPort, recordPath } = options;
  const environment = { RUN_RECORDS: recordPath };
  const restart = { settleMs: 200 };
  return [
    {
      id: "process:web",
      description: "answers who it is and how often it was asked",
      process: {
        command: process.execPath,
        arguments: [workloadPath(mainPath, "web")],
        environment: { ...environment, WEB_PORT: String(webPort) },
        health: { kind: "http", url: `http://127.0.0.1:${webPort}/health`, intervalMs: 1_000 },
        restart,
      },
    },
    {
      id: "process:worker",
      description: "writes that it lives into a file",
      process: {
        command: process.execPath,
        arguments: [workloadPath(mainPath, "worker")],
        environment,
        restart,
      },
    },
  ];
}

/** Bundled beside the program, or the source beside its source. */
function workloadPath(mainPath: string, name: "web" | "worker"): string {
  const bundled = join(dirname(mainPath), `demo-${name}.js`);
  return existsSync(bundled) ? bundled : join(dirname(mainPath), "demo", "workloads", `${name}.ts`);
}
