/** Bad input at the command line, end to end: one clear line, the right exit code, nothing changed. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startTestCluster, value } from "./harness/cluster.ts";
import { type CommandOutcome, holdfast, program, run } from "./harness/program.ts";
import { waitFor } from "./harness/wait.ts";

/** One line on stderr, which says what is wrong, and the exit code. */
function assertRefused(outcome: CommandOutcome, exitCode: number, words: RegExp): void {
  const lines = outcome.stderr.trimEnd().split("\n");
  assert.equal(lines.length, 1, `one line, not: ${outcome.stderr}${outcome.stdout}`);
  assert.match(lines[0] ?? "", words);
  assert.doesNotMatch(outcome.stderr, /\n\s+at /, "no stack trace");
  assert.equal(outcome.exitCode, exitCode, outcome.stderr);
}

test("server run refuses a port in use and a data directory without permission", {
  timeout: 60_000,
}, async (t) => {
  const home = mkdtempSync(join(tmpdir(), "hf-bad-"));
  const busy = createServer();
  t.after(() => {
    busy.close();
    rmSync(home, { recursive: true, force: true });
  });
  await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
  const address = busy.address();
  const port = typeof address === "object" ? address?.port : undefined;

  await t.test("a port in use", async () => {
    const words = ["server", "run", "--data", join(home, "a"), "--listen", `127.0.0.1:${port}`];
    assertRefused(await holdfast(words), 1, new RegExp(`${port}.*(in use|another process)`));
  });

  await t.test("a data directory without permission", async (inner) => {
    const data = join(home, "locked");
    mkdirSync(data, { mode: 0o500 });
    const words = ["server", "run", "--data", join(data, "x"), "--listen", "127.0.0.1:0"];
    const asUser = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const isRoot = process.getuid?.() === 0;
    const outcome = await run([...(isRoot ? asUser : []), ...program, ...words], {
      environment: { HOME: home },
    }).catch(() => undefined);
    if (outcome === undefined) return inner.skip("setpriv is not installed");
    assertRefused(outcome, 1, /locked/);
  });

  await t.test("a data directory that is a file", async () => {
    const path = join(home, "file");
    writeFileSync(path, "");
    const words = ["server", "run", "--data", path, "--listen", "127.0.0.1:0"];
    assertRefused(await holdfast(words), 1, /file/);
  });

  await t.test("a second server on the same data", async () => {
    const cluster = await startTestCluster(t, { nodes: [] });
    const words = ["server", "run", "--data", cluster.dataOf("server"), "--listen", "127.0.0.1:0"];
    assertRefused(await holdfast(words), 1, /server/);
    assert.equal((await cluster.client.cluster()).ok, true, "the first one goes on");
  });
});

test("commands with a wrong, an expired, no or another role's token are refused", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: ["node1"] });
  const status = (tokenPath: string) =>
    holdfast(["status", "--server", cluster.urlFor(), "--token-file", tokenPath]);
  const write = (name: string, token: string): string => {
    const path = join(cluster.directory, name);
    writeFileSync(path, `${token}\n`, { mode: 0o600 });
    return path;
  };

  const wrong = write("wrong.token", `hf_nobody_${"x".repeat(43)}`);
  assertRefused(await status(wrong), 5, /token/i);

  const short = value(
    await cluster.client.createToken({ role: "admin", name: "short", ttlMs: 1_000 }),
  );
  const shortPath = write("short.token", short.token);
  const expired = await waitFor("the token to expire", 10_000, async () => {
    const outcome = await status(shortPath);
    return outcome.exitCode === 0 ? undefined : outcome;
  });
  assertRefused(expired, 5, /expired/);

  assertRefused(await status(cluster.agentTokenPath("node1")), 5, /agent|allowed/i);
  assertRefused(await status(join(cluster.directory, "nowhere.token")), 2, /nowhere\.token/);
});

test("agent run with a token that is not accepted says so", { timeout: 60_000 }, async (t) => {
  const cluster = await startTestCluster(t, { nodes: [] });
  const path = join(cluster.directory, "wrong.token");
  writeFileSync(path, `hf_nobody_${"x".repeat(43)}\n`, { mode: 0o600 });
  const data = join(cluster.directory, "agent");
  const words = [
    "agent",
    "run",
    "--data",
    data,
    "--server",
    cluster.urlFor(),
    "--token-file",
    path,
  ];
  const outcome = await holdfast(words, { forMsMax: 10_000 });
  assert.match(outcome.stderr + outcome.stdout, /token/i);
  assert.notEqual(outcome.exitCode, 0);
  assert.deepEqual((await cluster.status()).nodes, [], "no node was registered");
});

test("service add and apply refuse bad services with the field's name, and change nothing", {
  timeout: 60_000,
}, async (t) => {
  const cluster = await startTestCluster(t, { nodes: [] });
  const environment = {
    HOLDFAST_SERVER: cluster.urlFor(),
    HOLDFAST_TOKEN_FILE: cluster.tokenPath,
  };
  const command = ["--command", "sleep", "--", "600"];
  const cases: readonly [readonly string[], number, RegExp][] = [
    [["service", "add", "vm:a", ...command], 2, /vm/],
    [["service", "add", "no-colon", ...command], 2, /no-colon/],
    [["service", "add", "process:a", "--max-restart", "many", ...command], 2, /max-restart|many/],
    [["service", "add", "process:a", "--no-such-flag", ...command], 2, /no-such-flag/],
    [["service", "show", "process:none"], 3, /process:none/],
    [["apply", "-f", join(cluster.directory, "nowhere.yaml")], 2, /nowhere\.yaml/],
  ];
  for (const [words, exitCode, pattern] of cases) {
    await t.test(words.slice(0, 4).join(" "), async () => {
      assertRefused(await holdfast(words, { environment }), exitCode, pattern);
    });
  }
  const good = ["service", "add", "process:a", "--state", "stopped", ...command];
  assert.equal((await holdfast(good, { environment })).exitCode, 0);
  await t.test("a service that exists", async () => {
    assertRefused(await holdfast(good, { environment }), 4, /process:a/);
  });
  assert.deepEqual(
    (await cluster.status()).services.map(({ id }) => id),
    ["process:a"],
  );
});
