/** The process driver keeps the contract of all workload drivers, in both containments. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  carriesMarker,
  readAllProcesses,
} from "../../src/adapters/workloads/process/containment/process-table.ts";
import { type WorkloadHarness, workloadContract } from "../contract/workload.ts";
import { containments } from "./containments.ts";
import { createBench, shell, waitFor } from "./support.ts";

const ignoreAll = "trap '' TERM INT HUP;";
const configurations: WorkloadHarness["configurations"] = {
  obedient: shell("trap 'exit 0' TERM; echo begun; while :; do sleep 0.05; done"),
  stubborn: shell(
    `${ignoreAll} (setsid sh -c "${ignoreAll} echo begun; while :; do sleep 0.05; done" &) ; while :; do sleep 0.05; done`,
  ),
  shortLived: shell("sleep 0.4; exit 3", { restart: { settleMs: 50 } }),
  failing: shell("echo no luck; exit 4", { restart: { settleMs: 5_000 } }),
  invalid: { command: "/bin/sh", speed: "fast" },
};

for (const { kind, skip } of containments) {
  workloadContract(`process driver (${kind})`, {
    skip,
    makeHarness: (t) => {
      const { driver, service, recorder, directory } = createBench(t, kind);
      // Unlike the service's name, the home of the test is in no other test's environment.
      const tag = `HOLDFAST_TEST_TAG=${directory}`;
      const log = join(directory, "logs", "process-probe", "current.log");
      return {
        driver,
        service,
        exits: recorder.exits,
        healths: recorder.healths,
        configurations: withTag(directory),
        countAlive: () =>
          readAllProcesses().filter((entry) => entry.alive && carriesMarker(entry.pid, tag)).length,
        output: () => (existsSync(log) ? readFileSync(log, "utf8") : ""),
        waitFor: async (what, probe) => {
          await waitFor(what, probe);
        },
      };
    },
  });
}

/** The same workloads with a variable by which the test finds their processes. */
function withTag(tag: string): WorkloadHarness["configurations"] {
  const add = (configuration: unknown): unknown => ({
    ...Object(configuration),
    environment: { HOLDFAST_TEST_TAG: tag },
  });
  return {
    obedient: add(configurations.obedient),
    stubborn: add(configurations.stubborn),
    shortLived: add(configurations.shortLived),
    failing: add(configurations.failing),
    invalid: add(configurations.invalid),
  };
}
