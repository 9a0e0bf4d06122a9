/**
 * Programs of Debian packages that tests use. Missing ones are installed where that is possible; where not,
 * the tests that need them skip, and this says so beforehand.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

interface NeededPackage {
  readonly name: string;
  readonly programs: readonly string[];
  readonly neededFor: string;
}

const neededPackages: readonly NeededPackage[] = [
  {
    name: "util-linux",
    programs: ["unshare", "nsenter", "setpriv", "prlimit"],
    neededFor: "process namespaces and file size limits",
  },
  { name: "mount", programs: ["mount", "umount"], neededFor: "a full disk under the store" },
  { name: "iproute2", programs: ["ip"], neededFor: "three hosts in network namespaces" },
];

const installTimeoutMs = 180_000;

/** Installs what is missing, as root; returns a sentence for each thing done or not to be had. */
export function ensureDebianPackages(): readonly string[] {
  const missing = neededPackages.filter((needed) => missingPrograms(needed).length > 0);
  if (missing.length === 0) return [];
  if (process.getuid?.() === 0 && findProgram("apt-get") !== undefined) {
    install(missing.map((needed) => needed.name));
  }
  return missing.map(sentenceFor);
}

function sentenceFor(needed: NeededPackage): string {
  const programs = missingPrograms(needed);
  if (programs.length === 0) return `installed the Debian package ${needed.name}`;
  return `${programs.join(", ")} not found: tests of ${needed.neededFor} will be skipped; install the Debian package ${needed.name}`;
}

function install(names: readonly string[]): void {
  const run = (...arguments_: readonly string[]): boolean =>
    spawnSync("apt-get", arguments_, {
      stdio: "ignore",
      timeout: installTimeoutMs,
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    }).status === 0;
  const installArguments = ["install", "--yes", "--no-install-recommends", ...names];
  if (!run(...installArguments)) {
    run("update");
    run(...installArguments);
  }
}

function missingPrograms(needed: NeededPackage): readonly string[] {
  return needed.programs.filter((program) => findProgram(program) === undefined);
}

/** Looks where root's PATH would, as an ordinary user's often lacks the sbin folders. */
function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not for this user: both mean "look on"
  }
}
