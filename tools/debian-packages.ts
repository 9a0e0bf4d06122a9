/**
 * Programs of Debian packages that tests use. Missing ones are installed where that is possible, without starting
 * their services; where not, the tests that need them skip, and this says so beforehand.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface NeededPackage {
  readonly name: string;
  readonly programs: readonly string[];
  /** Files that must be there besides; absolute paths. */
  readonly files?: readonly string[];
  /** Services that the package would start, now and at each boot. */
  readonly units?: readonly string[];
  readonly neededFor: string;
}

/** Where to look and what to use; tests give their own. */
export interface InstallOptions {
  readonly needed?: readonly NeededPackage[];
  /** Folders with programs. */
  readonly folders?: readonly string[];
  readonly isRoot?: boolean;
  /** What Debian's packages ask before they start a service. */
  readonly policyPath?: string;
}

const neededPackages: readonly NeededPackage[] = [
  {
    name: "util-linux",
    programs: ["unshare", "nsenter", "setpriv", "prlimit"],
    neededFor: "process namespaces and file size limits",
  },
  { name: "mount", programs: ["mount", "umount"], neededFor: "a full disk under the store" },
  { name: "iproute2", programs: ["ip"], neededFor: "three hosts in network namespaces" },
  { name: "nftables", programs: ["nft"], neededFor: "cut and lossy networks between hosts" },
  { name: "strace", programs: ["strace"], neededFor: "a slow disk under etcd" },
  { name: "openssl", programs: ["openssl"], neededFor: "etcd with certificates" },
  {
    name: "etcd-server",
    programs: ["etcd"],
    units: ["etcd.service"],
    neededFor: "the replicated store",
  },
  { name: "etcd-client", programs: ["etcdctl"], neededFor: "the replicated store's recovery" },
  {
    name: "haproxy",
    programs: ["haproxy"],
    units: ["haproxy.service"],
    neededFor: "load balancing by HAProxy",
  },
  {
    name: "keepalived",
    programs: ["keepalived"],
    units: ["keepalived.service"],
    neededFor: "a virtual address by keepalived",
  },
  { name: "curl", programs: ["curl"], neededFor: "the check of keepalived's configuration" },
  {
    name: "nginx-light",
    programs: ["nginx"],
    units: ["nginx.service"],
    neededFor: "load balancing by nginx",
  },
  {
    name: "libnginx-mod-stream",
    programs: [],
    files: ["/usr/lib/nginx/modules/ngx_stream_module.so"],
    neededFor: "load balancing by nginx",
  },
  { name: "iputils-arping", programs: ["arping"], neededFor: "announcing a virtual address" },
];

const installTimeoutMs = 300_000;
const systemFolders = ["/usr/sbin", "/sbin"];
const policyMark = "# holdfast: while its packages are installed for tests";

/** Installs what is missing, as root; returns a sentence for each thing done or not to be had. */
export function ensureDebianPackages(options: InstallOptions = {}): readonly string[] {
  const { needed = neededPackages, isRoot = process.getuid?.() === 0 } = options;
  // Looks where root's PATH would, as an ordinary user's often lacks the sbin folders.
  const folders = options.folders ?? [
    ...(process.env["PATH"] ?? "").split(delimiter),
    ...systemFolders,
  ];
  const policyPath = options.policyPath ?? "/usr/sbin/policy-rc.d";
  const missing = needed.filter((each) => isMissing(each, folders));
  if (missing.length === 0) return [];
  if (isRoot && findProgram("apt-get", folders) !== undefined) {
    withoutStarting(policyPath, () => install(missing, folders));
  }
  return missing.map((each) => sentenceFor(each, folders));
}

function sentenceFor(needed: NeededPackage, folders: readonly string[]): string {
  const absent = absentParts(needed, folders);
  if (absent.length === 0) return `installed the Debian package ${needed.name}`;
  return `${absent.join(", ")} not found: tests of ${needed.neededFor} will be skipped; install the Debian package ${needed.name}`;
}

function install(missing: readonly NeededPackage[], folders: readonly string[]): void {
  const path = folders.join(delimiter);
  const run = (program: string, ...rest: readonly string[]): boolean =>
    spawnSync(findProgram(program, folders) ?? program, rest, {
      stdio: "ignore",
      timeout: installTimeoutMs,
      env: { ...process.env, PATH: path, DEBIAN_FRONTEND: "noninteractive" },
    }).status === 0;
  const words = ["install", "--yes", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"];
  const isDone = (): boolean => run("apt-get", ...words, ...missing.map(({ name }) => name));
  if (!isDone()) {
    run("apt-get", "update");
    // One that this release does not have must not keep the others away.
    if (!isDone()) for (const { name } of missing) run("apt-get", ...words, name);
  }
  for (const each of missing) {
    // Installed by us just now: nobody has asked for its service, so it is not to start at the next boot either.
    if (isMissing(each, folders) || findProgram("systemctl", folders) === undefined) continue;
    for (const unit of each.units ?? []) run("systemctl", "disable", unit);
  }
}

/** Packages start no service meanwhile. The machine's own policy, where there is one, is left as it is. */
function withoutStarting(policyPath: string, act: () => void): void {
  if (isOurPolicy(policyPath)) rmSync(policyPath); // of a run that was killed
  if (existsSync(policyPath)) {
    act();
    return;
  }
  // It forbids only as long as this process lives: left behind by a killed one, it forbids nothing.
  const script = `#!/bin/sh\n${policyMark}\n[ -d /proc/${process.pid} ] && exit 101\nexit 0\n`;
  writeFileSync(policyPath, script, { mode: 0o755 });
  try {
    act();
  } finally {
    rmSync(policyPath, { force: true });
  }
}

function isOurPolicy(policyPath: string): boolean {
  return existsSync(policyPath) && readFileSync(policyPath, "utf8").includes(policyMark);
}

function isMissing(needed: NeededPackage, folders: readonly string[]): boolean {
  return absentParts(needed, folders).length > 0;
}

function absentParts(needed: NeededPackage, folders: readonly string[]): readonly string[] {
  return [
    ...needed.programs.filter((program) => findProgram(program, folders) === undefined),
    ...(needed.files ?? []).filter((file) => !existsSync(file)),
  ];
}

function findProgram(name: string, folders: readonly string[]): string | undefined {
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
