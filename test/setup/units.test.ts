/** systemd's units: what they say, and that they are only written where systemd does not run. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { installUnit, unitText } from "../../src/setup/units.ts";
import { temporaryFolder } from "./support/command.ts";

const startWords = { server: "server launch", agent: "agent launch" };
const kinds = ["server", "agent"] as const;

test("installUnit() writes the unit where systemd does not run, and says how it is started by hand", async (t) => {
  const folder = join(temporaryFolder(t), "system");
  for (const kind of kinds) {
    const dataDirectory = `/var/lib/holdfast-${kind}`;
    const installed = await installUnit({ kind, dataDirectory, program: "/opt/holdfast", folder });
    assert.ok(installed.ok);
    assert.deepEqual(installed.value, {
      kind: "written",
      unit: join(folder, `holdfast-${kind}.service`),
      command: `/opt/holdfast ${startWords[kind]} --data ${dataDirectory}`,
    });
    const path = join(folder, `holdfast-${kind}.service`);
    assert.equal(statSync(path).mode & 0o777, 0o644);
    assert.match(
      readFileSync(path, "utf8"),
      new RegExp(`^ExecStart=/opt/holdfast ${startWords[kind]} --data`, "m"),
    );
  }
});

test("installUnit() says what is wrong with the folder", async (t) => {
  const program = "/opt/holdfast";
  const file = join(temporaryFolder(t), "file");
  const made = await installUnit({ kind: "agent", dataDirectory: "/d", program, folder: file });
  assert.ok(made.ok);
  const folder = join(file, "holdfast-agent.service");
  const refused = await installUnit({ kind: "agent", dataDirectory: "/d", program, folder });
  assert.equal(refused.ok, false);
  assert.match(refused.ok ? "" : refused.error, /^cannot write .*holdfast-agent\.service/);
});

test("unitText() quotes what systemd would read otherwise", () => {
  const text = unitText({
    kind: "server",
    dataDirectory: '/srv/a b"100%',
    program: "/opt/50%/holdfast",
  });
  assert.match(
    text,
    /^ExecStart=\/opt\/50%%\/holdfast server launch --data "\/srv\/a b\\"100%%"$/m,
  );
  assert.match(text, /^ReadWritePaths="\/srv\/a b\\"100%%"$/m);
});

test("systemd never gives a unit up: what keeps it from starting may pass", () => {
  for (const kind of kinds) {
    const text = unitText({ kind, dataDirectory: "/d", program: "/opt/holdfast" });
    const [unit = ""] = text.split("[Service]");
    assert.match(unit, /^StartLimitIntervalSec=0$/m, "it has to be in the section Unit");
  }
});

const hasAnalyse = spawnSync("systemd-analyze", ["--version"]).status === 0;
test("systemd itself finds no fault with the units", {
  skip: hasAnalyse ? false : "systemd-analyze is not installed (Debian: systemd)",
}, async (t) => {
  const folder = temporaryFolder(t);
  for (const kind of kinds) {
    await installUnit({
      kind,
      dataDirectory: "/var/lib/holdfast",
      program: process.execPath,
      folder,
    });
    const path = join(folder, `holdfast-${kind}.service`);
    assert.ok(existsSync(path));
    const verified = spawnSync("systemd-analyze", ["verify", path], { encoding: "utf8" });
    assert.equal(verified.status, 0, verified.stderr);
  }
});
