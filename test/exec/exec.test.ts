/** `holdfast exec` from the command line to a real workload and back. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { isThere, newMark, startWorld } from "./world.ts";

const timeout = 60_000;

test("exec passes output, errors and exit code on, and the audit says who ran what", {
  timeout,
}, async (t) => {
  const world = await startWorld(t);
  await world.runs("process:a", { environment: { COLOUR: "blue" } });
  const text = 'echo "$COLOUR $SIZE"; echo trouble >&2; exit 9';
  const ran = world.exec(["process:a", "--env", "SIZE=big", "--", "sh", "-c", text]);
  assert.equal(await ran.ended, 9);
  assert.deepEqual([ran.out().toString(), ran.err()], ["blue big\n", "trouble\n"]);
  const audit = await world.client.audit();
  assert(audit.ok);
  const entry = audit.value.items.find(({ action }) => action === "exec");
  assert.deepEqual([entry?.subject, entry?.who], ["process:a", "admin/first"]);
  assert.match(entry?.detail ?? "", /^on node1: sh -c "echo/);
  const long = world.exec(["process:a", "--", "true", "x".repeat(5_000)]);
  assert.equal(await long.ended, 0);
  const again = await world.client.audit();
  assert(again.ok);
  const details = again.value.items.map(({ detail }) => detail.length);
  assert.ok(Math.max(...details) < 300, "a long command line is cut");
});

test("exec passes input on up to its end, and megabytes both ways", { timeout }, async (t) => {
  const world = await startWorld(t);
  await world.runs("process:a");
  const bytes = Buffer.alloc(8_000_000, "0123456789abcdef\n");
  const ran = world.exec(["process:a", "--", "cat"], { input: "pipe" });
  ran.child.stdin?.on("error", (error) => assert.fail(`${error.message}: ${ran.err()}`));
  ran.child.stdin?.end(bytes);
  assert.equal(await ran.ended, 0, ran.err());
  const hash = (data: Buffer): string => createHash("sha256").update(data).digest("hex");
  assert.equal(ran.out().length, bytes.length);
  assert.equal(hash(ran.out()), hash(bytes));
  const deaf = world.exec(["process:a", "--", "sh", "-c", "exec <&-; echo done"], {
    input: "pipe",
  });
  deaf.child.stdin?.on("error", () => undefined); // it reads no more when the command has ended
  deaf.child.stdin?.write(bytes);
  assert.equal(await deaf.ended, 0, deaf.err());
  assert.equal(deaf.out().toString(), "done\n");
});

test("exec says with exit code and one line what went wrong", { timeout }, async (t) => {
  const world = await startWorld(t);
  await world.runs("process:a");
  const stopped = await world.client.addService({
    id: "process:b",
    state: "stopped",
    process: { command: "/bin/true" },
  });
  assert(stopped.ok);
  const cases: readonly (readonly [string, readonly string[], number, RegExp])[] = [
    ["no such program", ["process:a", "--", "no-such"], 127, /"no-such" was not found in PATH/],
    ["a directory", ["process:a", "--", "/etc"], 127, /"\/etc" is not a file/],
    ["unknown service", ["process:x", "--", "true"], 125, /there is no service "process:x"/],
    ["without a node", ["process:b", "--", "true"], 125, /"process:b" (has no node|does not run)/],
    ["no command", ["process:a"], 2, /missing required argument/],
    ["a flag of its own", ["process:a", "-x"], 2, /unknown option '-x'; flags of its program/],
    ["no setting", ["process:a", "--env", "x", "--", "true"], 2, /--env "x" sets nothing/],
    ["a bad name", ["process:a", "--env", "9=x", "--", "true"], 2, /use letters, digits and _/],
    ["killed", ["process:a", "--", "sh", "-c", "kill -TERM $$"], 143, /^$/],
    [
      "too long",
      ["process:a", "--timeout", "300ms", "--", "sleep", "100"],
      124,
      /killed after 0.3 s/,
    ],
  ];
  for (const [name, words, code, line] of cases) {
    const ran = world.exec(words);
    assert.deepEqual([await ran.ended, ran.out().toString()], [code, ""], `${name}: ${ran.err()}`);
    assert.match(ran.err(), line, name);
    assert.ok(ran.err().split("\n").length <= 2, `one line: ${ran.err()}`);
  }
});

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  test(`exec: ${signal} on the person's side ends the command`, { timeout }, async (t) => {
    const world = await startWorld(t);
    await world.runs("process:a");
    const mark = newMark();
    const text = "echo up; while :; do sleep 1; done";
    const ran = world.exec(["process:a", "--", "sh", "-c", text, mark], { input: "pipe" });
    ran.child.stdin?.on("error", () => undefined); // nobody reads it any more
    await world.until("the command to run", () => ran.out().toString() === "up\n");
    assert.ok(isThere(mark));
    ran.child.stdin?.write(Buffer.alloc(4_000_000)); // the command reads none of it
    ran.child.kill(signal);
    assert.equal(await ran.ended, signal === "SIGINT" ? 130 : null);
    await world.gone(mark);
  });
}

test("exec ends with a clear word when the service is stopped", { timeout }, async (t) => {
  const world = await startWorld(t);
  await world.runs("process:a");
  const mark = newMark();
  const text = "echo up; while :; do sleep 1; done";
  const ran = world.exec(["process:a", "--", "sh", "-c", text, mark]);
  await world.until("the command to run", () => ran.out().toString() === "up\n");
  const changed = await world.client.changeService("process:a", { state: "stopped" });
  assert(changed.ok);
  assert.equal(await ran.ended, 125);
  assert.match(ran.err(), /process:a was stopped on this node, or has ended, meanwhile/);
  await world.gone(mark);
});

test("exec ends with a clear word when the agent ends, and the command is dead", {
  timeout,
}, async (t) => {
  const world = await startWorld(t);
  await world.runs("process:a");
  const mark = newMark();
  const text = "echo up; while :; do sleep 1; done";
  const ran = world.exec(["process:a", "--", "sh", "-c", text, mark]);
  await world.until("the command to run", () => ran.out().toString() === "up\n");
  await world.agent?.close("leave-running");
  assert.equal(await ran.ended, 125);
  assert.match(ran.err(), /agent (of node "node1" was lost|has ended)/);
  await world.gone(mark);
});

test("exec ends with a clear word when the server ends, and the command is dead", {
  timeout,
}, async (t) => {
  const world = await startWorld(t, { serverCount: 2, agentAt: 1 });
  await world.runs("process:a");
  const mark = newMark();
  const text = "echo up; while :; do sleep 1; done";
  const ran = world.exec(["process:a", "--", "sh", "-c", text, mark]);
  await world.until("the command to run", () => ran.out().toString() === "up\n");
  await world.servers[0]?.close();
  assert.equal(await ran.ended, 125);
  assert.match(ran.err(), /this server ends|lost http/);
  await world.gone(mark);
});

test("exec: the command dies with the node's lease, before it can end in the store (S3)", {
  timeout,
}, async (t) => {
  const world = await startWorld(t, { serverCount: 2, agentAt: 1, profile: "fast" });
  await world.runs("process:a");
  const mark = newMark();
  const text = "echo up; while :; do sleep 1; done";
  const ran = world.exec(["process:a", "--", "sh", "-c", text, mark]);
  await world.until("the command to run", () => ran.out().toString() === "up\n");
  // The agent knows no other server; the command's own connection leads elsewhere and stays.
  await world.servers[1]?.close();
  const { client } = world;
  let mayRunElsewhere = false;
  await world.until("the lease to end", async () => {
    const wasThere = isThere(mark);
    const node = await client.node("node1");
    mayRunElsewhere = node.ok && !node.value.leased;
    if (mayRunElsewhere) assert.ok(!wasThere, "it was dead before");
    return mayRunElsewhere;
  });
  assert.equal(await ran.ended, 125);
  assert.match(ran.err(), /process:a was stopped on this node, or has ended, meanwhile/);
  assert.ok(!isThere(mark));
});

test("exec and logs work at a server that does not hold the agent's stream", {
  timeout,
}, async (t) => {
  const world = await startWorld(t, { serverCount: 2, agentAt: 1 });
  await world.runs("process:a", { arguments: ["-c", "echo hello; while :; do sleep 1; done"] });
  for (const index of [0, 1]) {
    const ran = world.exec(["process:a", "--", "echo", `at ${index}`], { index });
    assert.equal(await ran.ended, 0, ran.err());
    assert.equal(ran.out().toString(), `at ${index}\n`);
    const signal = AbortSignal.timeout(10_000);
    const logs = await world.clients[index]?.logs("process:a", { lines: 10, signal });
    assert(logs?.ok);
    let text = "";
    for await (const chunk of logs.value) if (chunk.ok) text += chunk.value;
    assert.equal(text, "hello\n");
  }
});
