/** What systemd's jobs say about the end of an agent, with a program that stands in for systemctl. */
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createSystemdHost } from "../../src/adapters/host/systemd-host.ts";
import { createTestLog, temporaryDirectory } from "./support/tools.ts";

const unit = {
  INVOCATION_ID: "d41d8cd98f00b204",
  SYSTEMD_EXEC_PID: "42",
  PATH: process.env["PATH"],
};

/** What the host makes of a systemctl that runs `script`. */
async function ask(
  script: string,
  environment: Readonly<Record<string, string | undefined>> = unit,
) {
  const directory = temporaryDirectory();
  const command = join(directory.path, "systemctl");
  writeFileSync(command, `#!/bin/sh\n${script}\n`);
  chmodSync(command, 0o755);
  const log = createTestLog();
  try {
    const host = createSystemdHost({ environment, pid: 42, parentPid: 1, log, command });
    return { why: await host.whyEnding(), lines: log.lines };
  } finally {
    directory.remove();
  }
}

function jobs(...lines: readonly string[]): string {
  return `cat <<'END'\n${lines.join("\n")}\nEND`;
}

describe("whyEnding()", () => {
  const stop = "  812 holdfast-agent.service     stop  running";
  for (const [what, lines, why] of [
    ["a reboot", [stop, "  700 reboot.target   start waiting"], "reboot"],
    ["a start of another kernel", ["  700 kexec.target   start waiting", stop], "reboot"],
    ["a power-off", [stop, "  700 poweroff.target start waiting"], "power-off"],
    ["a halt", ["700 halt.target start waiting"], "power-off"],
    ["a restart of the unit", ["  812 holdfast-agent.service restart running"], "agent-restart"],
    ["a stop of the unit", [stop], "agent-restart"],
    [
      "a reboot that is being called off",
      ["700 reboot.target stop waiting", stop],
      "agent-restart",
    ],
    ["no job at all", [], "agent-restart"],
  ] as const) {
    test(`takes ${what} for ${why}`, async () => {
      assert.equal((await ask(jobs(...lines))).why, why);
    });
  }

  test("asks for the jobs in the form that it reads", async () => {
    const words = '[ "$*" = "list-jobs --no-legend --plain --no-pager" ] || exit 1';
    assert.equal((await ask(`${words}\n${jobs("1 reboot.target start waiting")}`)).why, "reboot");
  });

  test("takes a systemd that does not answer for a restart, and says so", async () => {
    const { why, lines } = await ask("exit 1");
    assert.equal(why, "agent-restart");
    assert.ok(lines.some((line) => /systemd does not say why/.test(line)));
  });

  test("says nothing for a process that systemd has not started", async () => {
    const reboot = jobs("1 reboot.target start waiting");
    assert.equal((await ask(reboot, { PATH: unit.PATH })).why, undefined);
    assert.equal((await ask(reboot, { ...unit, SYSTEMD_EXEC_PID: "41" })).why, undefined);
    const { SYSTEMD_EXEC_PID: _, ...older } = unit;
    assert.equal((await ask(reboot, older)).why, "reboot", "an older systemd's child");
  });
});
