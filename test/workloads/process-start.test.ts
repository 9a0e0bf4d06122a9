/** How the process driver starts a command: verbatim, in the right place, as the right user, or not at all. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { containments } from "./containments.ts";
import { type Bench, createBench, script, shell, waitFor } from "./support.ts";

const isRoot = process.getuid?.() === 0;
const dump =
  'require("node:fs").writeFileSync(process.env.OUT + ".new", JSON.stringify({ arguments: process.argv.slice(1), environment: process.env, cwd: process.cwd(), uid: process.getuid(), gid: process.getgid(), groups: process.getgroups() })); require("node:fs").renameSync(process.env.OUT + ".new", process.env.OUT); setInterval(() => {}, 1000)';

interface Dump {
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

async function runDump(
  bench: Bench,
  more: { readonly arguments?: readonly string[]; readonly [key: string]: unknown } = {},
): Promise<Dump> {
  const out = join(bench.directory, "out.json");
  const base = script(dump);
  const given = Object(more["environment"] ?? {});
  await bench.run({
    ...base,
    ...more,
    environment: { OUT: out, ...given },
    arguments: ["-e", dump, "--", ...(more.arguments ?? [])],
  });
  await waitFor("the dump", () => existsSync(out));
  return JSON.parse(readFileSync(out, "utf8"));
}

/** What prepare() says about a configuration that it must refuse; nothing may be left of it. */
async function refusal(bench: Bench, configuration: unknown) {
  const request = {
    service: bench.service,
    instanceId: randomUUID(),
    lifelinePath: undefined,
    recovered: false,
    marker: {},
  };
  const outcome = await bench.driver.prepare({ ...request, configuration });
  assert.ok(!outcome.ok, "it is refused");
  return outcome.error;
}

for (const { kind, skip } of containments) {
  const define = (
    criterion: string,
    body: (bench: Bench, t: TestContext) => Promise<void>,
  ): void => {
    test(`process driver (${kind}) ${criterion}`, { skip }, (t) => body(createBench(t, kind), t));
  };

  define("passes arguments and environment verbatim", async (bench) => {
    const odd = [
      "two words",
      "it's",
      'say "hi"',
      "$HOME `id` $(id) \\",
      "line\nbreak",
      "",
      "*",
      "ä€",
    ];
    const environment = { ODD: "a=b;c\n$x 'y' \"z\"", EMPTY: "", word: "kept", code: "kept" };
    const seen = await runDump(bench, { arguments: odd, environment });
    assert.deepEqual(seen.arguments, odd);
    for (const [name, value] of Object.entries(environment)) {
      assert.equal(seen.environment[name], value, name);
    }
  });

  define("gives a workload a clean environment with its markers", async (bench, t) => {
    process.env["HOLDFAST_TEST_SECRET"] = "of the agent";
    t.after(() => delete process.env["HOLDFAST_TEST_SECRET"]);
    const { environment } = await runDump(bench);
    assert.equal(environment["HOLDFAST_TEST_SECRET"], undefined);
    assert.equal(environment["HOLDFAST_NODE"], "node1");
    assert.equal(environment["HOLDFAST_SERVICE"], "process:probe");
    assert.match(environment["HOLDFAST_INSTANCE"] ?? "", /^[0-9a-f-]{36}$/);
    const expected = ["HOLDFAST_INSTANCE", "HOLDFAST_NODE", "HOLDFAST_SERVICE", "HOME", "LANG"];
    const shellMade = ["_", "OLDPWD", "PWD", "SHLVL"];
    const names = Object.keys(environment).filter((name) => !shellMade.includes(name));
    assert.deepEqual(names.sort(), [...expected, "OUT", "PATH"]);
  });

  define("runs in the working directory, by default one of its own", async (bench) => {
    const own = await runDump(bench);
    assert.equal(own.cwd, join(bench.directory, "work", "process-probe"));
    assert.equal(statSync(own.cwd).mode & 0o777, 0o700);
  });

  define("runs in the working directory that is given", async (bench) => {
    const directory = join(bench.directory, "a place");
    mkdirSync(directory);
    assert.equal((await runDump(bench, { workingDirectory: directory })).cwd, directory);
  });

  define("finds a command by the PATH of its environment", async (bench) => {
    symlinkSync("/bin/sh", join(bench.directory, "my-shell"));
    const environment = { PATH: `/nonexistent:${bench.directory}:/usr/bin:/bin` };
    await bench.run(shell("echo found; sleep 60", { command: "my-shell", environment }));
    const log = join(bench.directory, "logs", "process-probe", "current.log");
    await waitFor("its output", () => readFileSync(log, "utf8") === "found\n");
  });

  define("keeps the log to the agent's user alone", async (bench) => {
    await bench.run(shell("sleep 60"));
    const directory = join(bench.directory, "logs", "process-probe");
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    assert.equal(statSync(join(directory, "current.log")).mode & 0o777, 0o600);
  });

  define("delivers SIGINT as a stop signal", async (bench) => {
    const configuration = shell(
      "trap 'echo interrupted; exit 0' INT; echo begun; while :; do sleep 0.05; done",
      { stopSignal: "SIGINT" },
    );
    const instance = await bench.run(configuration);
    const log = join(bench.directory, "logs", "process-probe", "current.log");
    await waitFor("its output", () => readFileSync(log, "utf8").includes("begun"));
    const stopped = await bench.driver.stop(instance, configuration, { timeoutMs: 20_000 });
    assert.ok(stopped.ok);
    assert.match(readFileSync(log, "utf8"), /interrupted/);
  });

  define("tells the signal that ended a workload", async (bench) => {
    await bench.run(shell("sleep 0.3; kill -SEGV $$", { restart: { settleMs: 20 } }));
    const { exits } = bench.recorder;
    await waitFor("the end", () => exits.length > 0);
    assert.deepEqual(exits[0]?.exit, { code: undefined, signal: "SIGSEGV" });
  });

  define("says with a failed start what the workload said last", async (bench) => {
    const configuration = shell("echo starting; echo 'port 80 is in use' >&2; exit 1", {
      restart: { settleMs: 5_000 },
    });
    const outcome = await bench.driver.release(await bench.prepare(configuration), configuration);
    assert.ok(!outcome.ok);
    assert.match(
      outcome.error.message,
      /^"process:probe" ended .* exit code 1; .*port 80 is in use$/,
    );
  });

  define("tells a command that cannot be executed from one that fails", async (bench) => {
    const broken = join(bench.directory, "broken");
    writeFileSync(broken, "#!/nonexistent/interpreter\n");
    chmodSync(broken, 0o755);
    const configuration = { command: broken };
    const outcome = await bench.driver.release(await bench.prepare(configuration), configuration);
    assert.ok(!outcome.ok);
    assert.match(outcome.error.message, /exit code 12[67].*broken/);
  });

  define("runs as the user that is given", async (bench, t) => {
    if (!isRoot) return t.skip("only an agent that runs as root can change the user");
    chmodSync(bench.directory, 0o777);
    const seen = await runDump(bench, { user: "nobody" });
    assert.deepEqual([seen.uid, seen.groups.includes(0)], [65_534, false]);
    assert.equal(seen.environment["HOME"], "/nonexistent");
  });

  define("refuses a user when the agent is not root", async (bench, t) => {
    if (isRoot) return t.skip("the tests run as root, which may change the user");
    const error = await refusal(bench, shell("true", { user: "daemon" }));
    assert.equal(error.kind, "bad-configuration");
    assert.match(error.message, /"daemon" needs an agent that runs as root/);
  });
}

test("process driver release() leaves nothing at the gate when it is given no configuration", async (t) => {
  const bench = createBench(t, "tracked");
  const instance = await bench.prepare(shell("sleep 60"));
  const outcome = await bench.driver.release(instance, { command: 7 });
  assert.ok(!outcome.ok);
  assert.equal(outcome.error.kind, "bad-configuration");
  assert.equal(await bench.driver.adopt(instance, shell("sleep 60")), "gone");
});

const refused: readonly { readonly name: string; readonly part: object; readonly says: RegExp }[] =
  [
    {
      name: "a command that is not in PATH",
      part: { command: "no-such-command" },
      says: /^command "no-such-command" was not found in PATH "/,
    },
    {
      name: "a command file that is not there",
      part: { command: "/no/such/file" },
      says: /^command "\/no\/such\/file" does not exist$/,
    },
    {
      name: "a command that is a directory",
      part: { command: "/usr" },
      says: /^command "\/usr" is not a file$/,
    },
    {
      name: "a command that is not executable",
      part: { command: "/etc/passwd" },
      says: /^command "\/etc\/passwd" is not executable$/,
    },
    {
      name: "a working directory that is not there",
      part: { workingDirectory: "/no/such/place" },
      says: /^working directory "\/no\/such\/place" does not exist$/,
    },
    {
      name: "a working directory that is a file",
      part: { workingDirectory: "/etc/passwd" },
      says: /^working directory "\/etc\/passwd" is not a directory$/,
    },
    {
      name: "an unknown user",
      part: { user: "no-such-user" },
      says: /^user "no-such-user" does not exist on this node$/,
    },
    {
      name: "a variable that shells keep for themselves",
      part: { environment: { IFS: "x" } },
      says: /^process\.environment\.IFS: shells keep/,
    },
    {
      name: "an unknown field",
      part: { comand: "x" },
      says: /comand/,
    },
    {
      name: "a NUL in an argument",
      part: { arguments: ["a\0b"] },
      says: /NUL/,
    },
  ];

for (const { name, part, says } of refused) {
  test(`process driver prepare() refuses ${name}`, async (t) => {
    const bench = createBench(t, "tracked");
    const error = await refusal(bench, { command: "/bin/true", ...part });
    assert.equal(error.kind, "bad-configuration");
    assert.match(error.message, says);
  });
}
