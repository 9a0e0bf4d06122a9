/**
 * Containment by a PID namespace: the kernel kills everything in it with its first process, also what left its
 * process group and session. Needs util-linux's `unshare`; ordinary users need user namespaces as well.
 */
import { execFile } from "node:child_process";
import type { ProcessIdentity, WorkloadInstance } from "../../../../ports/workload.ts";
import { isAlive } from "./process-table.ts";

/** How long the trial of a namespace may take. */
const probeTimeoutMs = 5_000;

/** The command that runs `command` as the first process of a new namespace. */
export function namespaceCommand(
  unsharePath: string,
  command: readonly string[],
): readonly string[] {
  const ordinaryUser = process.getuid?.() !== 0;
  return [
    unsharePath,
    ...(ordinaryUser ? ["--user", "--map-current-user"] : []),
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "slave",
    "--",
    ...command,
  ];
}

/** The command that runs `command` in the namespace whose first process is `root`. It begins in directory "/". */
export function joinCommand(
  nsenterPath: string,
  root: ProcessIdentity,
  command: readonly string[],
): readonly string[] {
  const ordinaryUser = process.getuid?.() !== 0;
  return [
    nsenterPath,
    `--target=${root.pid}`,
    ...(ordinaryUser ? ["--user", "--preserve-credentials"] : []),
    "--pid",
    "--mount",
    "--",
    ...command,
  ];
}

/** Really makes a namespace once. Undefined: it works; else one sentence why not. */
export function probeNamespace(
  unsharePath: string,
  shellPath: string,
): Promise<string | undefined> {
  const command = namespaceCommand(unsharePath, [shellPath, "-c", '[ "$$" = 1 ]']);
  const options = { timeout: probeTimeoutMs, killSignal: "SIGKILL", maxBuffer: 65_536 } as const;
  return new Promise((resolve) => {
    execFile(command[0] ?? unsharePath, command.slice(1), options, (error, _stdout, stderr) => {
      const reason = stderr.trim() === "" ? (error?.message ?? "") : stderr.trim();
      resolve(error === null ? undefined : reason.slice(0, 500));
    });
  });
}

/** The namespace's first process, as long as it lives. */
export function liveNamespaceProcesses(instance: WorkloadInstance): readonly ProcessIdentity[] {
  return isAlive(instance.root) ? [instance.root] : [];
}
