/** install.sh from the package, as on a bare machine: what it installs, what it asks, and what it refuses. */
import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { root } from "../support/built-program.ts";
import { freePortOfThree } from "../support/free-ports.ts";

const script = join(root, "install.sh");
let folder = "";
let packageFile = "";
let missing: string | undefined;

function sh(words: readonly string[], input = ""): SpawnSyncReturns<string> {
  return spawnSync("sh", [script, ...words], { encoding: "utf8", input, timeout: 120_000 });
}

before(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-install-"));
  const packed = spawnSync(
    "npm",
    ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder],
    {
      cwd: root,
      encoding: "utf8",
      timeout: 120_000,
    },
  );
  const file = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (file === undefined) missing = `npm pack failed: ${packed.stderr.trim().slice(0, 200)}`;
  else packageFile = join(folder, file);
});

after(() => rmSync(folder, { recursive: true, force: true }));

test("install.sh says its words, and which one it does not know", () => {
  const help = sh(["help"]);
  assert.equal(help.status, 0);
  for (const word of ["ha", "load-balancer-address", "taint-control-plane", "no-init"]) {
    assert.match(help.stdout, new RegExp(`^${word}\\b`, "m"));
  }
  const unknown = sh(["high-availability"]);
  assert.equal(unknown.status, 1);
  assert.match(unknown.stderr, /^install\.sh: "high-availability" is no word/);
});

test("install.sh refuses a package that is not there", () => {
  const refused = sh([`package=${join(folder, "none.tgz")}`]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /there is no file/);
});

test("install.sh installs the package and makes a first server, without a terminal to ask at", async (context) => {
  if (missing !== undefined) return context.skip(missing);
  const hasEtcd = spawnSync("sh", ["-c", "command -v etcd"]).status === 0;
  const prefix = join(folder, "prefix");
  const data = join(folder, "data");
  const place = [`package=${packageFile}`, `prefix=${prefix}`, `data=${data}`, "no-units"];
  const words = ["load-balancer-address=balancer.example:7440", "taint-control-plane"];
  const own = ["name=first", "host=127.0.0.1", `port=${await freePortOfThree()}`];
  const made = sh([...(hasEtcd ? ["ha"] : []), ...words, ...place, ...own]);
  assert.equal(made.status, 0, made.stderr);
  assert.match(made.stdout, /server 1 "first" is initialised/);
  const engine: unknown = JSON.parse(readFileSync(join(data, "store.json"), "utf8"));
  assert.ok(typeof engine === "object" && engine !== null && "engine" in engine);
  assert.equal(engine.engine, hasEtcd ? "etcd" : "embedded");
  assert.equal(statSync(join(data, "admin.token")).mode & 0o777, 0o600);
  const names = spawnSync(
    "openssl",
    ["x509", "-noout", "-text", "-in", join(data, "pki/server.crt")],
    {
      encoding: "utf8",
    },
  );
  if (names.status === 0) assert.match(names.stdout, /DNS:balancer\.example/);
  const again = sh([...(hasEtcd ? ["ha"] : []), ...place, ...own]);
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stdout, /is initialised already/);
  const version = spawnSync(join(prefix, "bin/holdfast"), ["version"], { encoding: "utf8" });
  assert.equal(version.status, 0, version.stderr);
});
