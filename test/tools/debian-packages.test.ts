/**
 * ensureDebianPackages() with an apt-get of its own in a temporary folder: the real one would change the machine. It
 * "installs" a package by making its program, and writes down whether services may be started meanwhile.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ensureDebianPackages, type NeededPackage } from "../../tools/debian-packages.ts";

const needed: readonly NeededPackage[] = [
  { name: "alpha", programs: ["alpha"], units: ["alpha.service"], neededFor: "alpha rays" },
  { name: "beta", programs: ["beta"], neededFor: "beta rays" },
];

interface Machine {
  readonly folder: string;
  readonly policyPath: string;
  ensure(isRoot?: boolean): readonly string[];
  calls(): readonly string[];
}

/** `unknown`: names of packages that its apt-get does not have. */
function machine(t: TestContext, unknown: readonly string[] = []): Machine {
  const folder = mkdtempSync(join(tmpdir(), "hf-debian-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const calls = join(folder, "calls");
  const policyPath = join(folder, "policy-rc.d");
  writeFileSync(calls, "");
  for (const program of ["sh", "cat", "chmod", "touch"]) {
    const found = ["/bin", "/usr/bin"].find((place) => existsSync(join(place, program)));
    symlinkSync(join(found ?? "", program), join(bin, program));
  }
  const script = (name: string, lines: readonly string[]): void =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${lines.join("\n")}\n`, { mode: 0o755 });
  const asksPolicy = `if [ -x ${policyPath} ]; then ${policyPath} alpha start; policy=$?; fi`;
  script("apt-get", [
    "policy=none",
    asksPolicy,
    `echo "apt-get $* policy=$policy" >> ${calls}`,
    ...unknown.map((name) => `case " $* " in *" ${name} "*) exit 100;; esac`),
    'for name in "$@"; do case $name in alpha|beta)',
    `touch ${bin}/$name; chmod +x ${bin}/$name;; esac; done`,
  ]);
  script("systemctl", [`echo "systemctl $*" >> ${calls}`]);
  return {
    folder,
    policyPath,
    ensure: (isRoot = true) => ensureDebianPackages({ needed, folders: [bin], isRoot, policyPath }),
    calls: () => readFileSync(calls, "utf8").split("\n").slice(0, -1),
  };
}

const words = "install --yes --no-install-recommends -o DPkg::Lock::Timeout=120";

test("ensureDebianPackages() installs what is missing, starts nothing, and is silent the next time", (t) => {
  const { ensure, calls, policyPath } = machine(t);
  assert.deepEqual(ensure(), [
    "installed the Debian package alpha",
    "installed the Debian package beta",
  ]);
  assert.deepEqual(calls(), [
    `apt-get ${words} alpha beta policy=101`,
    "systemctl disable alpha.service",
  ]);
  assert(!existsSync(policyPath), "services may be started again");
  assert.deepEqual(ensure(), []);
  assert.equal(calls().length, 2);
});

test("ensureDebianPackages() installs the others when one package is not to be had", (t) => {
  const { ensure, calls } = machine(t, ["alpha"]);
  assert.deepEqual(ensure(), [
    "alpha not found: tests of alpha rays will be skipped; install the Debian package alpha",
    "installed the Debian package beta",
  ]);
  assert(calls().some((call) => call.startsWith("apt-get update")));
  assert(!calls().some((call) => call.startsWith("systemctl")), "nothing to disable");
});

test("ensureDebianPackages() only says what is missing to an ordinary user", (t) => {
  const { ensure, calls } = machine(t);
  const sentences = ensure(false);
  assert.equal(sentences.length, 2);
  assert.match(sentences[0] ?? "", /^alpha not found: tests of alpha rays will be skipped/);
  assert.deepEqual(calls(), []);
});

test("ensureDebianPackages() leaves the machine's own policy alone", (t) => {
  const { ensure, calls, policyPath } = machine(t);
  const own = "#!/bin/sh\nexit 104\n";
  writeFileSync(policyPath, own, { mode: 0o755 });
  ensure();
  assert.match(calls()[0] ?? "", /policy=104$/);
  assert.equal(readFileSync(policyPath, "utf8"), own);
});

test("a policy that a killed run left behind forbids nothing, and the next run removes it", (t) => {
  const { folder, ensure, policyPath } = machine(t);
  const keeper = join(folder, "keeper.ts");
  const tool = join(import.meta.dirname, "..", "..", "tools", "debian-packages.ts");
  // Its apt-get kills the process that asked for it, as a person might.
  const bin = join(folder, "killing");
  mkdirSync(bin);
  writeFileSync(join(bin, "apt-get"), "#!/bin/sh\nkill -9 $PPID\n", { mode: 0o755 });
  const options = { needed, folders: [bin], isRoot: true, policyPath };
  writeFileSync(
    keeper,
    `import { ensureDebianPackages } from ${JSON.stringify(tool)};
ensureDebianPackages(${JSON.stringify(options)});\n`,
  );
  assert.equal(spawnSync(process.execPath, [keeper]).signal, "SIGKILL");
  assert(existsSync(policyPath), "it had no time to remove it");
  assert.equal(spawnSync(policyPath, ["alpha", "start"]).status, 0, "services may start");
  ensure();
  assert(!existsSync(policyPath));
});
