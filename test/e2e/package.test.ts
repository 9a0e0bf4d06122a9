/** `npm pack` makes a package whose `holdfast` works where it is installed. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { killProcesses } from "../../src/demo/processes.ts";
import { startProcess } from "../../src/demo/spawn.ts";
import { root } from "../support/built-program.ts";
import { freePort } from "../support/free-ports.ts";
import { run } from "./harness/program.ts";
import { waitFor } from "./harness/wait.ts";

test("npm pack, then npm install elsewhere: server, agent and a service run from the package", {
  timeout: 180_000,
}, async (t) => {
  const home = mkdtempSync(join(tmpdir(), "hf-pack-"));
  const marks = {
    variables: [`HOLDFAST_PACK_TEST=${home}`, "HOLDFAST_SERVICE=process:nap-in-package"],
    guarded: [join(home, "agent")],
  };
  t.after(async () => {
    await killProcesses(marks);
    rmSync(home, { recursive: true, force: true });
  });
  const packed = await run(
    ["npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", home],
    { directory: root, forMsMax: 60_000 },
  );
  assert.equal(packed.exitCode, 0, packed.stderr);
  const [tarball = ""] = readdirSync(home).filter((name) => name.endsWith(".tgz"));
  const install = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"];
  const installed = await run([...install, "--prefix", join(home, "there"), join(home, tarball)], {
    directory: home,
    forMsMax: 150_000,
  });
  if (
    installed.exitCode !== 0 &&
    /ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT/.test(installed.stderr)
  ) {
    return t.skip(`the npm registry cannot be reached: ${installed.stderr.trim().split("\n")[0]}`);
  }
  assert.equal(installed.exitCode, 0, installed.stderr);
  const holdfast = join(home, "there", "node_modules", ".bin", "holdfast");
  const readme = readFileSync(join(home, "there/node_modules/holdfast/README.md"), "utf8");
  const links = [...readme.matchAll(/\]\(([\w./-]+)\)/g)].map(([, link = ""]) => link);
  assert.ok(links.includes("docs/safety.md"), "it links to the documentation");
  for (const link of [...links, "examples/scenarios/node-loss.yaml"]) {
    assert.ok(existsSync(join(home, "there/node_modules/holdfast", link)), `${link} is there`);
  }

  const version = await run([holdfast, "--version"], { directory: home });
  const { version: wanted } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  assert.match(version.stdout, new RegExp(`\\b${String(wanted).replaceAll(".", "\\.")}\\b`));

  const url = `http://127.0.0.1:${await freePort()}`;
  const tokenFile = join(home, "server", "admin.token");
  const environment = { HOLDFAST_PACK_TEST: home };
  const start = (name: string, words: readonly string[]): void => {
    const data = join(home, name);
    const logPath = join(home, `${name}.log`);
    startProcess({ command: [holdfast, ...words, "--data", data], environment, logPath });
  };
  const cli = (...words: readonly string[]) =>
    run([holdfast, ...words], {
      directory: home,
      environment: { HOLDFAST_SERVER: url, HOLDFAST_TOKEN_FILE: tokenFile },
    });

  start("server", ["server", "run", "--listen", url.slice("http://".length), "--profile", "fast"]);
  await waitFor("the server", 15_000, async () => (await cli("status")).exitCode === 0);
  const agentToken = join(home, "agent.token");
  const made = await cli("token", "create", "--node", "node1", "--out", agentToken);
  assert.equal(made.exitCode, 0, made.stderr);
  start("agent", ["agent", "run", "--server", url, "--token-file", agentToken]);

  const added = await cli(
    "service",
    "add",
    "process:nap-in-package",
    "--command",
    "sleep",
    "--wait",
    "--",
    "600",
  );
  assert.equal(added.exitCode, 0, `${added.stdout}${added.stderr}`);
  const shown = await cli("service", "show", "process:nap-in-package", "-o", "json");
  assert.equal(JSON.parse(shown.stdout).node, "node1");
});
