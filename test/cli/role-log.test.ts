/** The log and the clock that servers and agents run with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/adapters/clock/system-clock.ts";
import { createPinoLog } from "../../src/adapters/log/pino-log.ts";

test("createPinoLog() writes one line of JSON an event, with the fields of its parents", () => {
  const lines: string[] = [];
  const log = createPinoLog({
    level: "info",
    format: "json",
    component: "server",
    write: (line) => lines.push(line),
  });
  log.with({ subject: "process:a" }).write("warn", "it is late", { lateMs: 7 });
  log.write("debug", "not wanted");
  assert.equal(lines.length, 1);
  const { time, ...rest } = JSON.parse(lines[0] ?? "");
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, {
    level: "warn",
    component: "server",
    subject: "process:a",
    sentence: "it is late",
    lateMs: 7,
  });
});

test("createPinoLog() writes columns for people: time, level, component, subject, sentence, fields", () => {
  const lines: string[] = [];
  const log = createPinoLog({
    level: "debug",
    format: "text",
    component: "agent",
    write: (line) => lines.push(line),
  });
  log.write("info", "started", { subject: "process:a", node: "node1", list: [1] });
  log.with({ component: "process" }).write("error", "two\nlines \u001b[2J");
  assert.match(
    lines[0] ?? "",
    /^\d\d:\d\d:\d\d\.\d{3} {2}info {3}agent {5}process:a {2}started {2}node=node1 {2}list=\[1\]\n$/,
  );
  assert.match(lines[1] ?? "", /^\S+ {2}error {2}process {3}two lines �\[2J\n$/);
});

test("systemClock.after() never fires before its time, and not after it was cancelled", async () => {
  const firedAfterMs = await Promise.all(
    [0, 1, 1.5, 7.3, 20].map((delayMs) => {
      const startedAtMs = systemClock.monotonicMs();
      const { promise, resolve } = Promise.withResolvers<readonly [number, number]>();
      systemClock.after(delayMs, () => resolve([delayMs, systemClock.monotonicMs() - startedAtMs]));
      return promise;
    }),
  );
  for (const [delayMs, tookMs] of firedAfterMs)
    assert.ok(tookMs >= delayMs, `${tookMs} >= ${delayMs}`);
  let fired = false;
  const cancel = systemClock.after(1, () => {
    fired = true;
  });
  cancel();
  const { promise, resolve } = Promise.withResolvers<void>();
  systemClock.after(10, resolve);
  await promise;
  assert.equal(fired, false);
});

test("systemClock.monotonicMs() is the machine's own, the same in every process", async () => {
  const { spawnSync } = await import("node:child_process");
  const before = systemClock.monotonicMs();
  const other =
    Number(spawnSync("cut", ["-d ", "-f1", "/proc/uptime"], { encoding: "utf8" }).stdout) * 1_000;
  // The uptime counts suspended time too and shows hundredths: it is never behind, and 10 ms more at most here.
  assert.ok(other >= before - 10, `${other} >= ${before}`);
});
