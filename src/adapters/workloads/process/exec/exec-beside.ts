/**
 * Works out how a person's command is run beside an instance: with its user, environment, directory and markers,
 * inside its namespace where it has one. So whatever kills the instance kills the command too (S3).
 */
import { randomUUID } from "node:crypto";
import { err, ok, type Result } from "../../../../core/result.ts";
import type {
  ExecError,
  ExecExit,
  ExecRequest,
  RunningExec,
  WorkloadInstance,
} from "../../../../ports/workload.ts";
import { joinCommand } from "../containment/namespace.ts";
import { isAlive } from "../containment/process-table.ts";
import { killMarked } from "../containment/side-command.ts";
import type { DriverContext } from "../driver-context.ts";
import { type LiveInstance, markerOf } from "../live-instance.ts";
import { findExecutable, systemPath } from "../start/executables.ts";
import { makeStartPlan, type StartPlan } from "../start/start-plan.ts";
import type { SystemTools } from "../start/system-tools.ts";
import { checkPrefix, userPrefix } from "../start/workload-environment.ts";
import { settlesWithin } from "../waiting.ts";
import { type RunningCommand, runCommand } from "./run-command.ts";

/** Names one command: whatever it starts carries it. */
const execVariable = "HOLDFAST_EXEC";
/** Names the instance that it was run beside, for an agent that comes after the one that ran it. */
const besideVariable = "HOLDFAST_EXEC_BESIDE";
/** An instance that ended with one of its commands is known to have ended after so long. */
const endSeenWithinMs = 1_000;
/**
 * Takes its input from descriptor 4, as Node.js closes the real one when the process that it has started ends. Goes
 * into the directory before the user is changed, who need not be able to enter those above it.
 */
const directoryText = 'exec <&4 4<&- && cd -- "$1" && shift && exec "$@"';
/** Says how the command ended, on descriptor 3; what shells say of a signal is nothing that the command wrote. */
const statusText = 'exec 4>&2 2>/dev/null; (exec "$@") 2>&4 3>&- 4>&-; printf "%d\\n" "$?" >&3';

/** See `WorkloadDriver.exec`. */
export async function execBeside(
  context: DriverContext,
  instance: WorkloadInstance,
  request: ExecRequest,
): Promise<Result<RunningExec, ExecError>> {
  const live = context.live.get(instance.instanceId);
  if (live === undefined || !takesCommands(live)) return err(notRunning(instance));
  const tools = await context.tools();
  if ("fault" in tools) return err({ kind: "failed", message: tools.fault });
  const plan = await planOf(context, live, request, tools);
  if (!plan.ok) return plan;
  // Others were waited for: a command that is started later than its instance's end would outlive it.
  if (!takesCommands(live) || !isAlive(instance.root)) return err(notRunning(instance));
  const mark = randomUUID();
  const marks = { [execVariable]: mark, [besideVariable]: instance.instanceId };
  const started = runCommand({
    command: commandLine(instance, tools, plan.value),
    environment: { ...plan.value.environment, ...marks },
    workingDirectory: instance.containment === "namespace" ? "/" : plan.value.workingDirectory,
    mark: `${execVariable}=${mark}`,
    endBy: instance.containment === "namespace" ? "status" : "exit",
    output: request.output,
  });
  return started.ok ? ok(bound(context, live, started.value)) : started;
}

/** Has it end with its instance and its driver, and finds out whether it was killed with the instance. */
function bound(context: DriverContext, live: LiveInstance, command: RunningCommand): RunningExec {
  let wasKilled = false;
  const kill = (): void => {
    wasKilled = true;
    command.kill();
  };
  context.closed.addEventListener("abort", kill, { once: true });
  void live.ended.then(command.kill);
  const ended = command.ended.then(async (exit): Promise<ExecExit> => {
    context.closed.removeEventListener("abort", kill);
    const mayBe = exit.signal === "SIGKILL" || (exit.signal ?? exit.code) === undefined;
    const withInstance = mayBe && !wasKilled && (await isEnding(context, live));
    return { ...exit, withInstance };
  });
  return { ...command, kill, ended };
}

/** The kernel kills a namespace's processes before the end of the namespace can be seen. */
async function isEnding({ clock }: DriverContext, live: LiveInstance): Promise<boolean> {
  return !takesCommands(live) || settlesWithin(clock, live.ended, endSeenWithinMs);
}

/** Kills what commands of an earlier agent process have left in the instance: their person is gone. */
export function killLeftCommands(instance: WorkloadInstance): void {
  killMarked(`${besideVariable}=${instance.instanceId}`);
}

function takesCommands({ phase }: LiveInstance): boolean {
  return phase === "starting" || phase === "running";
}

function notRunning({ service }: WorkloadInstance): ExecError {
  return { kind: "failed", message: `"${service}" does not run on this node now` };
}

/** The instance's own plan with the person's command in it, and the person's environment over the configured one. */
async function planOf(
  context: DriverContext,
  live: LiveInstance,
  { command, environment }: ExecRequest,
  tools: SystemTools,
): Promise<Result<StartPlan, ExecError>> {
  const { service, instanceId } = live.instance;
  const plan = await makeStartPlan(
    { service, instanceId, marker: markerOf(live.instance) },
    {
      ...live.configuration,
      command: tools.shellPath,
      arguments: [],
      environment: { ...live.configuration.environment, ...environment },
    },
    context.paths,
  );
  if (!plan.ok) return err({ kind: "failed", message: plan.error.message });
  const [program = "", ...rest] = command;
  const path = plan.value.environment["PATH"] ?? systemPath;
  const executable = findExecutable(program, path, plan.value.workingDirectory);
  if (executable.ok) {
    return ok({ ...plan.value, command: [executable.value, ...rest] });
  }
  const kind = executable.error.endsWith("not executable") ? "not-executable" : "not-found";
  return err({ kind, message: executable.error });
}

/**
 * Without a namespace it dies with the agent by the kernel's hand. In one it is made an orphan, a child of the
 * namespace's first process: the end of a namespace waits for the parents of all that is in it, and one outside may
 * be killed in the same moment and leave its child to somebody who never collects it.
 */
function commandLine(
  instance: WorkloadInstance,
  tools: SystemTools,
  { command, user, workingDirectory }: StartPlan,
): readonly string[] {
  const { setprivPath, setsidPath, nsenterPath, shellPath } = tools;
  if (instance.containment === "tracked") return [...checkPrefix(setprivPath, user), ...command];
  const own = [...userPrefix(setprivPath, user), ...command];
  const orphan = [setsidPath, "--fork", shellPath, "-c", statusText, "holdfast-exec", ...own];
  const shell = [shellPath, "-c", directoryText, "holdfast-exec", workingDirectory, ...orphan];
  return joinCommand(nsenterPath, instance.root, shell);
}
