/** What an agent that starts finds of the one before it: workloads that still run, and failures to report again. */
import type { AgentEvent } from "../core/agent/event.ts";
import type { Epoch } from "../core/ids.ts";
import { serviceTypeOf } from "../core/ids.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { WorkloadDriver } from "../ports/workload.ts";
import { configurationKeyOf, driverPartOf, restartKeyOf } from "./assignments.ts";
import type { ServiceFile, ServiceFiles } from "./disk/records.ts";
import { findMarked, killExactly } from "./guard/process-table.ts";
import { createPause } from "./pause.ts";
import type { Workloads } from "./workloads.ts";

export interface AdoptionOptions {
  readonly files: ServiceFiles;
  readonly drivers: ReadonlyMap<string, WorkloadDriver>;
  readonly workloads: Workloads;
  readonly clock: Clock;
  /** Marks every process of this agent's workloads. */
  readonly agentId: string;
  readonly bootId: string;
  /** The epoch that may be taken up again; what was tracked under another one is killed. */
  readonly resumedEpoch: Epoch | undefined;
  readonly log: Log;
  readonly onEvent: (event: AgentEvent) => void;
}

/** Looks at each file. The error: something that must not run any more could not be killed. */
export async function adoptAll(options: AdoptionOptions): Promise<Result<void, string>> {
  const { files, faults } = await options.files.readAll();
  for (const fault of faults) options.log.write("error", `${fault}; its service is not adopted`);
  if (faults.length > 0) {
    const killed = await killUnknown(files, options);
    if (!killed.ok) return killed;
  }
  for (const file of files) {
    const adopted = await adoptOne(file, options);
    if (!adopted.ok) return adopted;
  }
  return ok(undefined);
}

const unknownKillMsMax = 10_000;
const lookAgainMs = 10;

/**
 * What runs here and is in no file that could be read would be started a second time: it is killed (S1). Its mark
 * tells that it is this agent's.
 */
async function killUnknown(
  files: readonly ServiceFile[],
  options: AdoptionOptions,
): Promise<Result<void, string>> {
  const { clock, agentId } = options;
  const known = new Set(files.map((file) => file.instance?.instanceId));
  const pause = createPause(clock);
  const giveUpAtMs = clock.monotonicMs() + unknownKillMsMax;
  for (;;) {
    const unknown = findMarked(agentId, (instanceId) => !known.has(instanceId));
    if (unknown.length === 0) return ok(undefined);
    if (clock.monotonicMs() > giveUpAtMs) {
      const pids = unknown.map(({ pid }) => pid).join(", ");
      return err(`processes ${pids} are this agent's, of an unknown service, and do not end`);
    }
    for (const found of unknown) killExactly(found);
    await pause.wait(lookAgainMs);
  }
}

async function adoptOne(
  file: ServiceFile,
  options: AdoptionOptions,
): Promise<Result<void, string>> {
  const { service, uid, instance } = file;
  if (file.failure !== undefined) {
    options.onEvent({ kind: "recalled-failure", service, uid, detail: file.failure });
  }
  if (instance === undefined) return ok(undefined);
  const { instanceId } = instance;
  const driver = options.drivers.get(serviceTypeOf(service));
  if (file.bootId !== options.bootId) {
    await options.files.removeInstance(service, instanceId);
    return ok(undefined);
  }
  if (driver === undefined)
    return err(`${service} may run here and this agent has no driver for it`);
  if (file.config === undefined || (file.tracked && file.epoch !== options.resumedEpoch)) {
    const killed = await driver.kill(instance);
    if (!killed.ok) return err(`${service} of an older epoch is not dead: ${killed.error.message}`);
    options.log.write("info", `${service} of epoch ${file.epoch} is dead`);
    await options.files.removeInstance(service, instanceId);
    return ok(undefined);
  }
  const { config } = file;
  if ((await driver.adopt(instance, driverPartOf(config))) === "gone") {
    await options.files.removeInstance(service, instanceId);
    return ok(undefined);
  }
  const start = { uid, epoch: file.epoch };
  options.workloads.addAdopted({ service, config, instance, start, tracked: file.tracked });
  options.onEvent({
    kind: "adopted",
    service,
    instanceId,
    restartKey: restartKeyOf(config),
    configurationKey: configurationKeyOf(config),
    tracked: file.tracked,
    // It may have been in the middle of its start: it is healthy when its check says so, and not before.
    health: config.process?.health === undefined ? undefined : "starting",
  });
  options.log.write("info", `${service} runs still and is adopted`);
  return ok(undefined);
}
