/** The pure machine when services move away and when the agent leaves. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { instructionUidOf, parseNodeId } from "../../src/core/ids.ts";
import { instantMs } from "../../src/core/time.ts";
import { instruction, kinds, machine, service } from "./support/core-machine.ts";

const there = parseNodeId("node2");
assert(there.ok);
const target = there.value;
const uid = instructionUidOf("u2");
type Machine = ReturnType<typeof machine>;

function toldActive(one: Machine): void {
  one.send({ kind: "mode-answered", sequence: 1, answer: "accepted" });
}

function leave(one: Machine, how: "restart" | "freeze" | "failover" | "migrate") {
  return one.send({ kind: "leave", how, deadlineMs: instantMs(5_000) });
}

describe("step() on a move by the driver", () => {
  const migrate = instruction("u2", { state: "migrate", target, moveBy: "live" });

  test("asks the driver, and reports stopped when nothing is here any more", () => {
    const one = machine();
    one.running();
    const [move] = one.tell(migrate);
    assert.ok(move?.kind === "move" && move.live && move.instanceId === "i-1");
    const [report] = one.send({ kind: "moved", service, uid });
    assert.ok(report?.kind === "report" && report.content.result === "stopped");
  });

  test("keeps running, and reports it, when the move failed", () => {
    const one = machine();
    one.running();
    one.tell(migrate);
    const failed = { detail: "no room", result: "failed", remains: "running" } as const;
    const [report] = one.send({ kind: "move-failed", service, uid, ...failed });
    assert.ok(report?.kind === "report" && report.content.result === "failed");
    const back = one.tell(instruction("u3"));
    assert.deepEqual(kinds(back), ["report"], "it runs already");
  });

  test("says wrong-node when the driver does", () => {
    const one = machine();
    one.lease("lease-granted", 10_000);
    one.tell(migrate);
    const failed = {
      detail: "configured on node3",
      result: "wrong-node",
      remains: "nothing",
    } as const;
    const [report] = one.send({ kind: "move-failed", service, uid, ...failed });
    assert.ok(report?.kind === "report" && report.content.result === "wrong-node");
  });

  test("moves a service that does not run without stopping anything", () => {
    const one = machine();
    one.lease("lease-granted", 10_000);
    const cold = instruction("u2", { state: "relocate", target, moveBy: "cold" });
    const [move] = one.tell(cold);
    assert.ok(move?.kind === "move" && !move.live && move.instanceId === undefined);
  });

  test("kills what is on its way when the lease is lost", () => {
    const one = machine();
    one.running();
    one.tell(migrate);
    const effects = one.send({ kind: "tick" }, 10_000);
    assert.deepEqual(kinds(effects), ["stop"]);
    assert.deepEqual(
      kinds(one.send({ kind: "moved", service, uid })),
      [],
      "a late word changes nothing",
    );
  });

  test("does not begin a move a second time that the end of the lease has cut short", () => {
    const one = machine();
    one.running();
    one.tell(migrate);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 8_500)), ["stop"]);
    assert.deepEqual(kinds(one.send({ kind: "stopped", service, instanceId: "i-1" })), ["report"]);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 8_600)), []);
  });

  test("asks to be woken once when a service that stays becomes stable, and not for ever", () => {
    const one = machine();
    one.running();
    one.tell(instruction("u2", { state: "request_start_balance", target, moveBy: "cold" }));
    one.lease("lease-renewed", 30_000, 5_000);
    const [report] = one.send({ kind: "tick" }, 10_000);
    assert.ok(report?.kind === "report" && report.content.stable);
    assert.ok((one.wakeAtMs() ?? 0) > 10_000);
  });

  test("a service that was to be placed before its start and runs already stays", () => {
    const one = machine();
    one.running();
    const balance = instruction("u2", { state: "request_start_balance", target, moveBy: "cold" });
    const [report] = one.tell(balance);
    assert.ok(report?.kind === "report" && report.content.result === "running");
  });
});

describe("step() on leave", () => {
  test("restart waits until its services are frozen, and leaves them running", () => {
    const one = machine();
    one.running();
    toldActive(one);
    const [mode] = leave(one, "restart");
    assert.ok(mode?.kind === "put-mode" && mode.mode === "restart");
    one.send({ kind: "mode-answered", sequence: mode.sequence, answer: "accepted" });
    const frozen = one.tell(instruction("u2", { state: "freeze", survivesIsolation: true }));
    assert.deepEqual(kinds(frozen), ["untrack", "report"]);
    const report = frozen.find((effect) => effect.kind === "report");
    assert.ok(report?.kind === "report");
    const { sequence } = report;
    // The instruction may be an old one: it counts once a server has taken the word under it.
    assert.deepEqual(kinds(one.send({ kind: "tick" })), []);
    const answered = one.send({ kind: "report-answered", service, sequence, answer: "accepted" });
    assert.deepEqual(kinds(answered), ["all-released"]);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 9_000)), [], "nothing is touched any more");
  });

  test("a wish that is taken back before the manager has let go leaves everything as it was", () => {
    const one = machine();
    one.running();
    toldActive(one);
    const never = instantMs(Number.POSITIVE_INFINITY);
    const [mode] = one.send({ kind: "leave", how: "restart", deadlineMs: never });
    assert.ok(mode?.kind === "put-mode" && mode.mode === "restart");
    one.send({ kind: "mode-answered", sequence: mode.sequence, answer: "accepted" });
    assert.deepEqual(
      kinds(one.tell(instruction("u2", { state: "freeze", survivesIsolation: true }))),
      ["untrack", "report"],
    );
    assert.equal(one.wakeAtMs(), 8_500, "only the lease has a time");
    const [active] = one.send({ kind: "stay" }, 5_000);
    assert.ok(active?.kind === "put-mode" && active.mode === "active");
    assert.ok(active.sequence > mode.sequence);
    assert.deepEqual(kinds(one.tell(instruction("u3"))), ["track", "report"]);
    assert.equal(one.state.closing, "no");
  });

  test("a wish that is taken back too late changes nothing, and neither does one that nobody had", () => {
    const one = machine();
    one.running();
    toldActive(one);
    assert.deepEqual(kinds(one.send({ kind: "stay" })), []);
    leave(one, "restart");
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 5_000)), ["all-released"]);
    assert.deepEqual(kinds(one.send({ kind: "stay" })), []);
    assert.equal(one.state.closing, "released");
  });

  test("freeze stops everything once it is frozen", () => {
    const one = machine();
    one.running();
    toldActive(one);
    const [mode] = leave(one, "freeze");
    assert.ok(mode?.kind === "put-mode" && mode.mode === "restart");
    one.send({ kind: "mode-answered", sequence: mode.sequence, answer: "accepted" });
    const frozen = one.tell(instruction("u2", { state: "freeze", survivesIsolation: true }));
    assert.deepEqual(kinds(frozen).at(-1), "stop");
    assert.deepEqual(kinds(one.send({ kind: "stopped", service, instanceId: "i-1" })), [
      "all-stopped",
    ]);
  });

  test("failover stops everything as soon as the manager knows", () => {
    const one = machine();
    one.running();
    toldActive(one);
    const [mode] = leave(one, "failover");
    assert.ok(mode?.kind === "put-mode" && mode.mode === "shutdown");
    const answered = {
      kind: "mode-answered",
      sequence: mode.sequence,
      answer: "accepted",
    } as const;
    assert.deepEqual(kinds(one.send(answered)), ["stop"]);
  });

  test("migrate waits until everything has moved away, and the manager has heard so", () => {
    const one = machine();
    one.running();
    toldActive(one);
    const [mode] = leave(one, "migrate");
    assert.ok(mode?.kind === "put-mode" && mode.mode === "maintenance");
    one.send({ kind: "mode-answered", sequence: mode.sequence, answer: "accepted" });
    one.tell(instruction("u2", { state: "relocate", target }));
    const [report] = one.send({ kind: "stopped", service, instanceId: "i-1" });
    assert.ok(report?.kind === "report" && report.content.result === "stopped");
    assert.equal(one.state.closing, "no", "the target waits for this word");
    const { sequence } = report;
    one.send({ kind: "report-answered", service, sequence, answer: "accepted" });
    assert.equal(one.state.closing, "stopped");
  });

  test("stops what is left when its time is over, and asks again while nobody takes the mode", () => {
    const one = machine();
    one.running();
    toldActive(one);
    const [mode] = leave(one, "migrate");
    assert.ok(mode?.kind === "put-mode");
    one.send({ kind: "mode-answered", sequence: mode.sequence, answer: "unknown" });
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 100)), ["put-mode"]);
    assert.equal(one.wakeAtMs(), 5_000);
    assert.deepEqual(kinds(one.send({ kind: "tick" }, 5_000)), ["stop"]);
  });
});
