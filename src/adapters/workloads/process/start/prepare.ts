/** Makes an instance ready at its gate. */
import { ok, type Result } from "../../../../core/result.ts";
import type {
  PrepareRequest,
  WorkloadError,
  WorkloadInstance,
} from "../../../../ports/workload.ts";
import type { ProcessConfig } from "../../../../wire/process-config.ts";
import { parseConfiguration } from "../configuration.ts";
import { liveProcessesOf } from "../containment/containment.ts";
import type { DriverContext } from "../driver-context.ts";
import { followToEnd } from "../end/instance-end.ts";
import { driverStateOf, type LiveInstance } from "../live-instance.ts";
import type { OpenedLog } from "../logs/log-files.ts";
import { failure, messageOf } from "../workload-error.ts";
import { type Launched, launch } from "./launch.ts";
import { makeStartPlan, type StartPlan } from "./start-plan.ts";
import type { SystemTools } from "./system-tools.ts";

/** See `WorkloadDriver.prepare`. Refused while another instance of the service lives. */
export async function prepareInstance(
  context: DriverContext,
  request: PrepareRequest,
): Promise<Result<WorkloadInstance, WorkloadError>> {
  const configuration = parseConfiguration(request.configuration);
  if (!configuration.ok) return configuration;
  const other = [...context.live.values()].find(
    ({ instance }) => instance.service === request.service && liveProcessesOf(instance).length > 0,
  );
  if (other !== undefined) {
    return failure(
      "failed",
      `"${request.service}" still has a living instance "${other.instance.instanceId}" on this node; stop it first`,
    );
  }
  const tools = await context.tools();
  if ("fault" in tools) return failure("failed", tools.fault);
  const plan = await makeStartPlan(request, configuration.value, context.paths);
  if (!plan.ok) return plan;
  return start(context, request, { configuration: configuration.value, plan: plan.value, tools });
}

interface StartParts {
  readonly configuration: ProcessConfig;
  readonly plan: StartPlan;
  readonly tools: SystemTools;
}

async function start(
  context: DriverContext,
  request: PrepareRequest,
  { configuration, plan, tools }: StartParts,
): Promise<Result<WorkloadInstance, WorkloadError>> {
  let output: OpenedLog;
  try {
    output = context.logs.open(request.service);
  } catch (error: unknown) {
    return failure("failed", `cannot open the log of "${request.service}": ${messageOf(error)}`);
  }
  const statusFile = context.paths.statusFile(request.instanceId);
  const { lifelinePath } = request;
  const { clock } = context;
  const launched = await launch({ plan, tools, output, statusFile, lifelinePath, clock });
  if (!launched.ok) return launched;
  const instance: WorkloadInstance = {
    service: request.service,
    type: "process",
    instanceId: request.instanceId,
    root: launched.value.root,
    containment: tools.containment,
    driverState: driverStateOf(launched.value, context.bootId, request.marker),
  };
  register(context, instance, { configuration, launched: launched.value, output });
  return ok(instance);
}

function register(
  context: DriverContext,
  instance: WorkloadInstance,
  parts: {
    readonly configuration: ProcessConfig;
    readonly launched: Launched;
    readonly output: OpenedLog;
  },
): void {
  const live: LiveInstance = {
    instance,
    configuration: parts.configuration,
    phase: "prepared",
    gate: parts.launched.gate,
    outputOffset: parts.output.startOffset,
    ended: Promise.resolve({ code: undefined, signal: undefined }),
    monitor: undefined,
    stopSignalSent: false,
  };
  live.ended = followToEnd(context, live, parts.launched.ended);
  context.live.set(instance.instanceId, live);
  context.logs.keepWithin(instance.service, parts.configuration.log);
}
