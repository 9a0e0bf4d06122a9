/**
 * Starts the shim and waits until it stands at its gate: from then on the instance's processes are known, and
 * nothing of the workload has run. If this process ends before it opens the gate, the shim ends too.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { Duplex } from "node:stream";
import { ok, type Result } from "../../../../core/result.ts";
import type { Clock } from "../../../../ports/clock.ts";
import type { ProcessIdentity, WorkloadError } from "../../../../ports/workload.ts";
import { namespaceCommand } from "../containment/namespace.ts";
import { childrenOf, readProcess } from "../containment/process-table.ts";
import { gateReady, shimCommand } from "../containment/shim.ts";
import type { OpenedLog } from "../logs/log-files.ts";
import { makePrivateDirectory } from "../paths.ts";
import { sleep } from "../waiting.ts";
import { failure, messageOf } from "../workload-error.ts";
import type { StartPlan } from "./start-plan.ts";
import type { SystemTools } from "./system-tools.ts";
import { userPrefix } from "./workload-environment.ts";

/** Coming to the gate takes milliseconds; on a machine that swaps, longer. */
const gateTimeoutMs = 10_000;
const complaintCharsMax = 500;

/** A shim at its gate. */
export interface Launched {
  /** Writing the word opens it; destroying it without makes the shim end. */
  readonly gate: Duplex;
  readonly root: ProcessIdentity;
  /** The process that becomes the workload. */
  readonly main: ProcessIdentity;
  /** The process that waits on the lifeline, if there is one. */
  readonly lifeline: ProcessIdentity | undefined;
  /** Settles when the child has ended and was collected, with the signal that ended the shim, if it is known. */
  readonly ended: Promise<NodeJS.Signals | undefined>;
}

export interface LaunchOptions {
  readonly plan: StartPlan;
  readonly tools: SystemTools;
  readonly output: OpenedLog;
  readonly statusFile: string;
  readonly lifelinePath: string | undefined;
  readonly clock: Clock;
}

/** Starts it, and closes `output` on this side. At a failure nothing is left. */
export async function launch(options: LaunchOptions): Promise<Result<Launched, WorkloadError>> {
  const { tools, clock } = options;
  let child: ChildProcess;
  try {
    makePrivateDirectory(dirname(options.statusFile));
    rmSync(options.statusFile, { force: true });
    child = spawnShim(options);
  } catch (error: unknown) {
    return failure("failed", `cannot start a process: ${messageOf(error)}`);
  } finally {
    closeSync(options.output.fileDescriptor);
  }
  const ended = endOf(child, tools);
  const gate = child.stdio[3];
  if (!(gate instanceof Duplex)) return failure("failed", `cannot run "${tools.shellPath}"`);
  // An error of the gate means that the shim is gone, which `ended` tells as well.
  gate.on("error", () => gate.destroy());
  const complaint = collectComplaint(child);
  const arrived = await arrivesAtGate(gate, ended, clock);
  const processes = arrived ? findProcesses(child, options) : undefined;
  // What `unshare` says about its own end later on is of no use to anybody.
  child.stderr?.destroy();
  if (processes !== undefined) return ok({ gate, ended, ...processes });
  gate.destroy();
  child.kill("SIGKILL");
  await ended;
  const reason = complaint();
  const what = "the process that prepares the start ended or did not get ready in time";
  return failure("failed", reason === "" ? what : `${what}: ${reason}`);
}

/** What the tools around the workload say before the gate, bounded. */
function collectComplaint(child: ChildProcess): () => string {
  let text = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    if (text.length < complaintCharsMax) text += chunk.toString("utf8");
  });
  return () => text.trim().slice(0, complaintCharsMax);
}

/** `detached`: a session of its own, so that it outlives the agent. */
function spawnShim(options: LaunchOptions): ChildProcess {
  const { plan, tools, output, statusFile, lifelinePath } = options;
  const workload = [...userPrefix(tools.setprivPath, plan.user), ...plan.command];
  const { shellPath, containment } = tools;
  const shim = shimCommand({ shellPath, statusFile, containment, lifelinePath }, workload);
  const command =
    tools.containment === "namespace" ? namespaceCommand(tools.unsharePath, shim) : shim;
  const child = spawn(command[0] ?? tools.shellPath, command.slice(1), {
    cwd: plan.workingDirectory,
    env: { ...plan.environment },
    stdio: ["ignore", output.fileDescriptor, "pipe", "pipe"],
    detached: true,
  });
  child.unref();
  return child;
}

/** Of a shim in a namespace only `unshare` knows how it ended, and does not tell reliably. */
function endOf(child: ChildProcess, tools: SystemTools): Promise<NodeJS.Signals | undefined> {
  return new Promise((resolve) => {
    child.once("error", () => resolve(undefined));
    child.once("exit", (_code, signal) => {
      resolve(tools.containment === "tracked" ? (signal ?? undefined) : undefined);
    });
  });
}

async function arrivesAtGate(
  gate: Duplex,
  ended: Promise<unknown>,
  clock: Clock,
): Promise<boolean> {
  const done = new AbortController();
  const ready = new Promise<boolean>((resolve) => {
    let text = "";
    gate.on("data", (chunk: Buffer) => {
      if (text.length < gateReady.length) text += chunk.toString("latin1");
      if (text.startsWith(gateReady)) resolve(true);
    });
  });
  const late = sleep(clock, gateTimeoutMs, done.signal).then(() => false);
  const gone = ended.then(() => false);
  try {
    return await Promise.race([ready, late, gone]);
  } finally {
    done.abort();
  }
}

/**
 * In a namespace the child is `unshare`, and the shim its only child. The shim's children in the order in which
 * it makes them: the one that waits on the lifeline, if there is one, and the workload-to-be.
 */
function findProcesses(
  child: ChildProcess,
  { tools, lifelinePath }: LaunchOptions,
): Pick<Launched, "root" | "main" | "lifeline"> | undefined {
  const pid = child.pid ?? 0;
  const root = tools.containment === "namespace" ? childrenOf(pid)[0] : readProcess(pid);
  if (root === undefined) return undefined;
  const children = childrenOf(root.pid).map(identityOf);
  if (children.length !== (lifelinePath === undefined ? 1 : 2)) return undefined;
  const main = children.at(-1);
  if (main === undefined) return undefined;
  const lifeline = lifelinePath === undefined ? undefined : children[0];
  return { root: identityOf(root), main, lifeline };
}

function identityOf({ pid, startTicks }: ProcessIdentity): ProcessIdentity {
  return { pid, startTicks };
}
