/** The pure machine by tables: what an event in a situation leads to. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AgentEffect } from "../../src/core/agent/effect.ts";
import { epochOf, instructionUidOf, parseServiceId } from "../../src/core/ids.ts";
import { managerStates } from "../../src/core/model/service.ts";
import { instantMs } from "../../src/core/time.ts";
import { instruction, kinds, machine, service } from "./support/core-machine.ts";

describe("step() on an instruction", () => {
  const whenDown: Readonly<Record<string, readonly string[]>> = {
    started: ["confirm"],
    request_stop: ["report"],
    stopped: ["report"],
    migrate: ["report"],
    relocate: ["report"],
    request_start_balance: ["report"],
    freeze: ["report"],
    ignored: ["report"],
  };
  const whenRunning: Readonly<Record<string, readonly string[]>> = {
    started: ["report"],
    request_stop: ["stop"],
    stopped: ["stop"],
    migrate: ["stop"],
    relocate: ["stop"],
    request_start_balance: ["report"],
    ignored: ["untrack", "report"],
  };
  for (const state of managerStates) {
    test(`${state} leads to [${whenDown[state] ?? ""}] when it is down`, () => {
      const one = machine();
      one.lease("lease-granted", 10_000);
      assert.deepEqual(kinds(one.tell(instruction("u1", { state }))), whenDown[state] ?? []);
    });
    test(`${state} leads to [${whenRunning[state] ?? ""}] when it runs`, () => {
      const one = machine();
      one.running();
      assert.deepEqual(kinds(one.tell(instruction("u2", { state }))), whenRunning[state] ?? []);
    });
  }

  test("waits for a lease of the epoch that it names", () => {
    const one = machine();
    assert.deepEqual(kinds(one.tell(instruction("u1"))), ["request-lease"]);
    assert.deepEqual(kinds(one.lease("lease-granted", 10_000)), ["confirm", "put-mode"]);
    const two = machine();
    two.lease("lease-granted", 10_000);
    assert.deepEqual(two.tell(instruction("u1", { nodeEpoch: epochOf(2) })), []);
  });

  test("stopped is enforced without a lease, and whatever its epoch", () => {
    const one = machine();
    one.running({ survivesIsolation: true });
    one.send({ kind: "lease-lost", epoch: epochOf(1), why: "test" });
    const old = instruction("u2", { state: "stopped", nodeEpoch: epochOf(9) });
    assert.deepEqual(kinds(one.tell(old)), ["stop"]);
  });
});

describe("step() on a confirmation", () => {
  const late = [
    { what: "not-current", answer: "not-current" as const, atMs: 10 },
    { what: "unknown", answer: "unknown" as const, atMs: 10 },
    { what: "current but near the deadline", answer: "current" as const, atMs: 8_600 },
    { what: "current but after the deadline", answer: "current" as const, atMs: 10_001 },
  ];
  for (const { what, answer, atMs } of late) {
    test(`starts nothing when it is ${what}`, () => {
      const one = machine();
      one.lease("lease-granted", 10_000);
      one.tell(instruction("u1"));
      assert.equal(kinds(one.confirm("u1", answer, atMs)).includes("start"), false);
    });
  }

  test("starts nothing when the instruction has changed meanwhile", () => {
    const one = machine();
    one.lease("lease-granted", 10_000);
    one.tell(instruction("u1"));
    assert.deepEqual(kinds(one.tell(instruction("u2"))), ["confirm"]);
    assert.deepEqual(one.confirm("u1"), []);
    assert.deepEqual(kinds(one.confirm("u2")), ["start"]);
  });

  test("is asked again after a pause when nobody answered", () => {
    const one = machine();
    one.lease("lease-granted", 10_000);
    one.tell(instruction("u1"));
    one.confirm("u1", "unknown");
    assert.equal(one.wakeAtMs(), 100);
    assert.deepEqual(one.send({ kind: "tick" }, 99), []);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 100)), ["confirm"]);
  });
});

describe("step() on failures", () => {
  test("restarts after doubling pauses without asking, then reports failed and stays down", () => {
    const one = machine();
    one.running();
    const exit = (instanceId: string, atMs: number) =>
      one.send({ kind: "exited", service, instanceId, detail: "it ended" }, atMs);
    exit("i-1", 1_000);
    assert.equal(one.wakeAtMs(), 1_100);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 1_100)), ["start"]);
    one.send({ kind: "started", service, instanceId: "i-2" });
    exit("i-2", 1_200);
    assert.equal(one.wakeAtMs(), 1_350);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 1_350)), ["start"]);
    const remains = "nothing" as const;
    const last = {
      kind: "start-failed",
      service,
      instanceId: "i-3",
      detail: "no",
      remains,
    } as const;
    const effects = one.send(last);
    assert.deepEqual(kinds(effects), ["remember-failure", "report"]);
    const report = effects.find((effect) => effect.kind === "report");
    assert.deepEqual(report?.content, {
      uid: "u1",
      epoch: 1,
      result: "failed",
      detail: "no",
      health: "none",
      stable: false,
      configRevision: 7,
    });
    assert.deepEqual(one.send({ kind: "tick" }, 8_000), []);
    assert.deepEqual(kinds(one.tell(instruction("u2"))), ["confirm"]);
  });

  test("reports a service stable after it has run for long, and not before", () => {
    const one = machine();
    one.running({ restartResetAfterMs: 1_000 });
    assert.equal(one.wakeAtMs(), 1_000);
    assert.deepEqual(one.send({ kind: "tick" }, 999), []);
    const [report] = one.send({ kind: "tick" }, 1_000);
    assert.ok(report?.kind === "report" && report.content.stable);
  });

  test("forgets failures after it has run for long", () => {
    const one = machine();
    one.running({ restartCountMax: 1, restartResetAfterMs: 1_000 });
    one.send({ kind: "exited", service, instanceId: "i-1", detail: "x" }, 100);
    one.send({ kind: "tick" }, 200);
    one.send({ kind: "started", service, instanceId: "i-2" }, 200);
    const effects = one.send({ kind: "exited", service, instanceId: "i-2", detail: "x" }, 1_200);
    const report = effects.find((effect) => effect.kind === "report");
    assert.notEqual(report?.content.result, "failed");
  });

  test("says that it is unhealthy while it is started again, once, and not before it has run", () => {
    const one = machine();
    one.lease("lease-granted", 10_000);
    one.tell(instruction("u1"));
    assert.deepEqual(kinds(one.confirm("u1")), ["start"]);
    const remains = "nothing" as const;
    const failed = {
      kind: "start-failed",
      service,
      instanceId: "i-1",
      detail: "no",
      remains,
    } as const;
    assert.deepEqual(kinds(one.send(failed)), []);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 100)), ["start"]);
    const [first] = one.send({ kind: "started", service, instanceId: "i-2" });
    assert.ok(first?.kind === "report" && first.content.health === "none");
    const [word] = one.send({ kind: "exited", service, instanceId: "i-2", detail: "x" }, 1_000);
    assert.ok(word?.kind === "report");
    assert.deepEqual([word.content.result, word.content.health], ["running", "unhealthy"]);
    assert.equal(word.content.stable, false);
    const { sequence } = word;
    one.send({ kind: "report-answered", service, sequence, answer: "accepted" });
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 1_150)), ["start"]);
    const [again] = one.send({ kind: "started", service, instanceId: "i-3" }, 1_200);
    assert.ok(again?.kind === "report");
    assert.deepEqual([again.content.result, again.content.health], ["running", "none"]);
  });

  test("stops and restarts what is unhealthy", () => {
    const one = machine();
    one.running();
    const sick = {
      kind: "health-changed",
      service,
      instanceId: "i-1",
      health: "unhealthy",
    } as const;
    assert.deepEqual(kinds(one.send({ ...sick, detail: "port closed" }, 500)), ["stop", "report"]);
    one.send({ kind: "stopped", service, instanceId: "i-1" }, 600);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 700)), ["start"]);
  });

  test("reports a recalled failure again and does not execute its uid", () => {
    const one = machine();
    const uid = instructionUidOf("u1");
    one.send({ kind: "recalled-failure", service, uid, detail: "no" });
    one.lease("lease-granted", 10_000);
    assert.deepEqual(kinds(one.tell(instruction("u1"))), ["report"]);
  });

  test("reports a stop that did not succeed, and kills again", () => {
    const one = machine();
    one.running();
    one.tell(instruction("u2", { state: "request_stop" }));
    const failed = { kind: "stop-failed", service, instanceId: "i-1", detail: "alive" } as const;
    assert.deepEqual(kinds(one.send(failed, 1_000)), ["report"]);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 3_000)), ["stop"]);
    const [report] = one.send({ kind: "stopped", service, instanceId: "i-1" });
    assert.equal(report?.kind === "report" && report.content.result, "stopped");
  });
});

test("step() reports a copy that neither runs nor can be killed as an error, with the reason", () => {
  const one = machine();
  one.tell(instruction("u1"));
  one.lease("lease-granted", 10_000);
  one.confirm("u1");
  const detail = "process 7 is still there 10 s after SIGKILL";
  const [report] = one.send({
    kind: "start-failed",
    service,
    instanceId: "i-1",
    detail,
    remains: "unsure",
  });
  assert.ok(report?.kind === "report");
  assert.deepEqual([report.content.result, report.content.detail], ["unknown-error", detail]);
});

describe("step() near the deadline", () => {
  test("asks services to end, then kills what is left, then asks for a lease", () => {
    const one = machine();
    one.running();
    assert.equal(one.wakeAtMs(), 8_500);
    const [stop] = one.send({ kind: "tick" }, 8_500);
    assert.equal(stop?.kind === "stop" && stop.timeoutMs, 1_450);
    const [kill] = one.send({ kind: "tick" }, 10_000);
    assert.equal(kill?.kind === "stop" && kill.timeoutMs, 0);
    const stopped = one.send({ kind: "stopped", service, instanceId: "i-1" }, 10_020);
    assert.deepEqual(kinds(stopped), ["request-lease"]);
  });

  test("a renewal in time lets it start again, after a new confirmation", () => {
    const one = machine();
    one.running();
    one.send({ kind: "tick" }, 8_500);
    one.lease("lease-renewed", 20_000, 8_600);
    const effects = one.send({ kind: "stopped", service, instanceId: "i-1" }, 8_700);
    assert.deepEqual(kinds(effects), ["confirm"]);
  });

  test("leaves alone what survives isolation, and takes it over under the next epoch", () => {
    const one = machine();
    one.running({ survivesIsolation: true });
    assert.deepEqual(one.send({ kind: "tick" }, 8_500), []);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 10_000)), ["request-lease"]);
    const runUntilMs = instantMs(30_000);
    const epoch = epochOf(2);
    one.send({ kind: "lease-granted", epoch, runUntilMs, watchdogMs: 10_000 }, 12_000);
    const next = instruction("u2", { nodeEpoch: epoch, survivesIsolation: true });
    const [report] = one.tell(next);
    assert.equal(report?.kind === "report" && report.content.result, "running");
  });
});

describe("step() on an instruction that puts a running copy under the guard", () => {
  test("says that it runs only once it has been tracked, not in the grace before a deadline", () => {
    const one = machine();
    one.running({ survivesIsolation: true });
    one.send({ kind: "tick" }, 8_600);
    assert.deepEqual(one.tell(instruction("u2")), []);
    const renewed = one.lease("lease-renewed", 20_000, 8_700);
    assert.deepEqual(kinds(renewed), ["track", "report"]);
  });
});

describe("step() on the list of services", () => {
  test("stops what is gone, forgets it, and tells nobody", () => {
    const one = machine();
    one.running();
    assert.deepEqual(kinds(one.send({ kind: "snapshot", instructions: [] })), ["stop"]);
    const after = one.send({ kind: "stopped", service, instanceId: "i-1" });
    assert.deepEqual(kinds(after), ["forget"]);
    assert.equal(one.state.slots.size, 0);
  });

  test("leaves what was adopted alone until a server was heard, then reports it", () => {
    const one = machine();
    const keys = { restartKey: "k", configurationKey: "k", tracked: true };
    one.send({ kind: "adopted", service, instanceId: "i-0", ...keys });
    assert.deepEqual(kinds(one.lease("lease-renewed", 10_000)), ["put-mode"]);
    const [report] = one.send({ kind: "snapshot", instructions: [instruction("u1")] });
    assert.equal(report?.kind === "report" && report.content.result, "running");
  });

  test("restarts in place for a changed command, and only tells the driver of a changed check", () => {
    const one = machine();
    one.running();
    const soft = one.tell(instruction("u1", { configurationKey: "k2" }));
    assert.deepEqual(kinds(soft), ["reconfigure"]);
    const hard = one.tell(instruction("u1", { configurationKey: "k3", restartKey: "k3" }));
    assert.deepEqual(kinds(hard), ["stop", "report"]);
    const after = one.send({ kind: "stopped", service, instanceId: "i-1" });
    assert.deepEqual(kinds(after), ["start"]);
  });

  test("runs at most four operations at a time, the longest-waiting first", () => {
    const one = machine();
    one.lease("lease-granted", 10_000);
    const names = ["f", "e", "d", "c", "b", "a"].map((name) => {
      const parsed = parseServiceId(`process:${name}`);
      assert(parsed.ok);
      return parsed.value;
    });
    const asked: AgentEffect[] = [];
    for (const [index, name] of names.entries()) {
      const told = instruction(`u-${name}`, { service: name });
      asked.push(...one.send({ kind: "instruction", instruction: told }, index));
    }
    assert.deepEqual(
      asked.map((effect) => "service" in effect && effect.service),
      names.slice(0, 4),
    );
    const uid = instructionUidOf("u-process:f");
    const [first] = names;
    assert(first !== undefined);
    const epoch = epochOf(1);
    one.send({ kind: "confirm-answered", service: first, uid, epoch, answer: "current" }, 10);
    const next = one.send({ kind: "started", service: first, instanceId: "i-1" }, 20);
    const confirm = next.find((effect) => effect.kind === "confirm");
    assert.equal(confirm?.service, names[4]);
  });

  test("does not go on killing what is to be left alone by now", () => {
    const one = machine();
    one.running();
    one.tell(instruction("u2", { state: "request_stop" }));
    const failed = { kind: "stop-failed", service, instanceId: "i-1", detail: "it hangs" } as const;
    one.send(failed);
    one.tell(instruction("u3", { state: "ignored", survivesIsolation: true }));
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 5_000)), []);
    assert.ok((one.wakeAtMs() ?? 0) > 5_000);
    assert.deepEqual(kinds(one.tell(instruction("u4", { state: "stopped" }))).at(-1), "stop");
  });
});
