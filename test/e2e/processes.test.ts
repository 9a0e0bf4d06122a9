/** Finding and ending what belongs to a node, and the control socket of the demo. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { giveOrder, listenForOrders, type PowerOrder } from "../../src/demo/control.ts";
import { findProcesses, killProcesses } from "../../src/demo/processes.ts";
import { waitFor } from "./harness/wait.ts";

function mark(t: TestContext): string {
  const variable = `HOLDFAST_MARK=${randomUUID()}`;
  t.after(() => killProcesses({ variables: [variable] }));
  return variable;
}

function start(script: string, variable: string): void {
  const [name = "", value = ""] = variable.split("=");
  const env = { ...process.env, [name]: value };
  spawn("sh", ["-c", script], { env, stdio: "ignore", detached: true }).unref();
}

const countOf = (variable: string): number => findProcesses({ variables: [variable] }).length;

test("findProcesses() finds marked processes that left their parent, and children without the mark", async (t) => {
  const variable = mark(t);
  start("setsid sleep 300 & setsid sh -c 'sleep 301; :' & env -i sleep 302", variable);
  await waitFor("all four sleepers and shells", 5_000, () => countOf(variable) === 5);
  assert.equal(countOf(`${variable}x`), 0, "another value is another mark");
  assert.equal(countOf(variable.slice(0, -1)), 0, "the whole value counts");

  assert.deepEqual(await killProcesses({ variables: [variable] }), []);
  assert.equal(countOf(variable), 0);
});

test("findProcesses() knows a guard by its data directory, and nothing else that names it", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "hf-guard-"));
  t.after(async () => {
    await killProcesses({ variables: [], guarded: [directory] });
    rmSync(directory, { recursive: true });
  });
  const script = join(directory, "guard.js");
  writeFileSync(script, "setInterval(() => undefined, 1_000);\n");
  const guard = spawn(process.execPath, [script, directory], { env: {}, stdio: "ignore" });
  const reader = spawn("tail", ["-f", script], { stdio: "ignore" });
  t.after(() => reader.kill("SIGKILL"));
  const found = await waitFor("the guard", 5_000, () => {
    const all = findProcesses({ variables: [], guarded: [directory] });
    return all.length > 0 && all;
  });
  assert.deepEqual(
    found.map(({ pid }) => pid),
    [guard.pid],
  );
});

test("giveOrder() reaches the demo that listens and hands its answer back", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "hfc-"));
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = home;
  t.after(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
    rmSync(home, { recursive: true });
  });
  const none = await giveOrder({ power: "off", node: "node1" });
  assert.equal(none.kind, "failed");

  mkdirSync(join(home, "holdfast-demo-dead")); // one that ended without tidying up
  const directory = join(home, "holdfast-demo-live");
  mkdirSync(directory);
  const orders: PowerOrder[] = [];
  const stop = await listenForOrders(directory, async (order) => {
    orders.push(order);
    const { node } = order;
    if (node === "node9") return { kind: "failed", sentence: `no node "${node}"` };
    return { kind: "done", sentence: `${node} is off` };
  });
  t.after(stop);
  assert.deepEqual(await giveOrder({ power: "off", node: "node1" }), {
    kind: "done",
    sentence: "node1 is off",
  });
  assert.deepEqual(await giveOrder({ power: "on", node: "node9" }), {
    kind: "failed",
    sentence: 'no node "node9"',
  });
  assert.deepEqual(orders, [
    { power: "off", node: "node1" },
    { power: "on", node: "node9" },
  ]);
});
