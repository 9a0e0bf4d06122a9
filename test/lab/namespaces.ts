/**
 * The place in which a lab lives: network, mount, process and name namespaces of its own, without any way to the
 * machine's network. All of it ends with its first process, so a killed test leaves nothing behind.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Root's PATH, as an ordinary user's often lacks the sbin folders. */
export const labPath = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

/** Of the machine itself: hosts share its disk, its clock and its kernel, and nothing else. */
export const namespaceFlags: readonly string[] = ["--net", "--mount", "--pid", "--uts"];

const labPrograms = ["unshare", "nsenter", "setpriv", "ip", "nft"];

/** An ordinary user needs a user namespace around the others. */
const asUser: readonly string[] = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];

/** Words before a command that make it the lab's: it dies with its parent, and all of the lab with it. */
export function labCommand(command: readonly string[]): readonly string[] {
  const unshare = ["unshare", ...asUser, ...namespaceFlags, "--fork", "--kill-child"];
  // A shell as the first process: it reaps orphans, which Node.js does not.
  const first = ["sh", "-c", '"$@"; exit $?', "sh"];
  return ["setpriv", "--pdeathsig", "KILL", ...unshare, "--mount-proc", ...first, ...command];
}

/** Why a lab cannot be made here (with these further programs), or undefined when it can. */
export function missingLab(programs: readonly string[] = []): string | undefined {
  for (const program of [...labPrograms, ...programs]) {
    if (!isInstalled(program)) return `no lab of hosts here: "${program}" is not installed`;
  }
  const bridge = "ip link add lab0 type bridge && nft add table bridge lab";
  const [file = "", ...rest] = labCommand(["sh", "-c", bridge]);
  const tried = spawnSync(file, rest, { encoding: "utf8", env: { ...process.env, PATH: labPath } });
  if (tried.status === 0) return undefined;
  return `no lab of hosts here: ${tried.stderr.trim() || String(tried.error ?? "unshare failed")}`;
}

/** Whether root of the machine made the lab: some mounts are refused to an ordinary user's. */
export function isMadeByRoot(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "utf8"));
}

/** Whether a program is found in a folder of the path. */
export function isInstalled(program: string): boolean {
  return labPath.split(":").some((folder) => folder !== "" && existsSync(`${folder}/${program}`));
}
