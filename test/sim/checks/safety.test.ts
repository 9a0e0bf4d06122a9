/** Each check says that its rule is broken when it is, and nothing when it is kept. */
import { strict as assert } from "node:assert";
import { test } from "node:test";
import { InvariantError } from "../../../src/core/assert.ts";
import type { Copy } from "../../../src/sim/node/copies.ts";
import {
  CheckedScene,
  configuration,
  epoch,
  node,
  report,
  service,
  status,
  uid,
} from "./harness.ts";

const web = "vm:web";
const startedUnder = { uid: uid("1.1-1"), epoch: epoch(1) };

function copyOn(name: string, fields: Partial<Copy> = {}): Omit<Copy, "tracked"> {
  return {
    service: service(web),
    node: node(name),
    instanceId: `${name}-1`,
    state: "running",
    startedUnder: undefined,
    ...fields,
  };
}

/** vm:web is started on n1 under epoch 1. */
function started(more: Parameters<typeof status>[1] | object = {}): CheckedScene {
  const scene = new CheckedScene();
  scene.put(`services/${web}`, configurationValue({ onIsolation: "stop" }));
  scene.grant("n1", 1);
  scene.grant("n2", 1);
  scene.manage([status(web, { state: "started", node: "n1", nodeEpoch: 1, ...more })]);
  return scene;
}

function configurationValue(fields: Parameters<typeof configuration>[1]) {
  const operation = configuration(web, fields);
  return operation.kind === "put" ? operation.value : null;
}

function confirmed(scene: CheckedScene): void {
  scene.checks.observer.onAnswer({
    request: {
      kind: "confirm",
      node: node("n1"),
      service: service(web),
      ...startedUnder,
    },
    answer: { kind: "confirmed", current: true },
    askedAtMs: 0,
  });
}

test("S1 sees a service that executes on two nodes", () => {
  const scene = started();
  scene.copy(copyOn("n1"));
  scene.copy(copyOn("n2"));
  scene.checks.observer.onEvent();
  assert.deepEqual(scene.broken, [
    "S1 vm:web executes on n1 (running) and n2 (running) at the same time",
  ]);
});

test("S1 lets a copy take over from another one within one event, and beside a parked one", () => {
  const scene = started();
  scene.copy(copyOn("n1"));
  scene.copy(copyOn("n1", { instanceId: "n1-2" }));
  scene.gone("n1-1");
  scene.copy(copyOn("n2", { state: "parked" }));
  scene.checks.observer.onEvent();
  assert.deepEqual(scene.broken, []);
});

test("S2 sees a start that nobody confirmed", () => {
  const scene = started();
  scene.copy(copyOn("n1", { state: "starting", startedUnder }));
  assert.equal(scene.rule, "S2");
});

test("S2 sees a start under an epoch whose lease is over", () => {
  const scene = started();
  confirmed(scene);
  scene.end("leases/n1");
  scene.copy(copyOn("n1", { state: "starting", startedUnder }));
  assert.equal(scene.rule, "S2");
});

test("S2 sees a confirmation of an instruction that was over when it was asked for", () => {
  const scene = started();
  scene.manage([status(web, { state: "request_stop", node: "n1", nodeEpoch: 1, uid: "1.1-2" })]);
  scene.checks.observer.onAnswer({
    request: { kind: "confirm", node: node("n1"), service: service(web), ...startedUnder },
    answer: { kind: "confirmed", current: true },
    askedAtMs: 1,
  });
  assert.equal(scene.rule, "S2");
});

test("S2 sees a start after the agent's word that it has stopped", () => {
  const scene = started();
  confirmed(scene);
  scene.commit([report(web, { node: "n1", epoch: 1, uid: "1.1-1", result: "stopped" })]);
  scene.copy(copyOn("n1", { state: "starting", startedUnder }));
  assert.equal(scene.rule, "S2");
});

test("S2 lets a confirmed service start, and start again", () => {
  const scene = started();
  confirmed(scene);
  scene.copy(copyOn("n1", { state: "starting", startedUnder }));
  scene.gone("n1-1");
  scene.copy(copyOn("n1", { state: "starting", startedUnder, instanceId: "n1-2" }));
  assert.deepEqual(scene.broken, []);
});

test("S3 sees what executes as its lease ends", () => {
  const scene = started();
  confirmed(scene);
  scene.copy(copyOn("n1", { startedUnder }));
  scene.end("leases/n1");
  assert.deepEqual(scene.broken, ["S3 vm:web is running on n1 as its lease of epoch 1 ends"]);
});

test("S3 leaves out what may outlive the lease, and what has ended", () => {
  const scene = started({ mayOutliveLease: true, survivesIsolation: true });
  confirmed(scene);
  scene.copy({ ...copyOn("n1", { startedUnder }), tracked: false });
  scene.end("leases/n1");
  assert.deepEqual(scene.broken, []);
});

test("S4 sees a service that is taken from a node that was not proven dead", () => {
  const scene = started();
  scene.end("leases/n1");
  scene.manage([status(web, { state: "started", node: "n2", nodeEpoch: 1, uid: "1.1-2" })]);
  assert.deepEqual(scene.broken, [
    "S4 vm:web is taken from n1 (started), but its epoch 1 was not ended",
  ]);
});

test("S4 sees one that may outlive its lease and was not confirmed off", () => {
  const scene = started({ mayOutliveLease: true, survivesIsolation: true });
  scene.end("leases/n1");
  scene.manage(
    [{ kind: "put", key: "epochs/n1", value: { version: 1, epoch: 2 } }],
    [{ kind: "absent", key: "leases/n1" }],
  );
  scene.manage([status(web, { state: "recovery", node: "n1", nodeEpoch: 1, uid: "1.1-2" })]);
  assert.equal(scene.rule, "S4");
});

test("S4 lets a service go after its epoch was ended, or after its agent's word", () => {
  const lost = started();
  lost.end("leases/n1");
  lost.manage(
    [{ kind: "put", key: "epochs/n1", value: { version: 1, epoch: 2 } }],
    [{ kind: "absent", key: "leases/n1" }],
  );
  const moved = status(web, { state: "started", node: "n2", nodeEpoch: 1, uid: "1.1-2" });
  lost.manage([moved], [{ kind: "modified-at", key: "epochs/n1", revision: 1 }]);
  assert.deepEqual(lost.broken, []);
  const stopped = started();
  stopped.commit([report(web, { node: "n1", epoch: 1, uid: "1.1-1", result: "stopped" })]);
  stopped.manage([moved]);
  assert.deepEqual(stopped.broken, []);
});

test("S4 sees an epoch that is raised while its lease lives, and a late report", () => {
  const raised = started();
  raised.manage([{ kind: "put", key: "epochs/n1", value: { version: 1, epoch: 2 } }]);
  assert.equal(raised.rule, "S4");
  const late = started();
  late.end("leases/n1");
  late.commit([report(web, { node: "n1", epoch: 1, uid: "1.1-1", result: "running" })]);
  assert.equal(late.rule, "S4");
});

test("S5 sees a manager's write without its election, and one of an older election", () => {
  const unnamed = started();
  const stop = status(web, { state: "request_stop", node: "n1", nodeEpoch: 1, uid: "1.1-2" });
  unnamed.commit([stop]);
  assert.equal(unnamed.rule, "S5");
  const deposed = started();
  const { election } = deposed;
  deposed.end("manager");
  deposed.put("manager", { version: 1, serverId: "n2", electedAtMs: 1 });
  deposed.commit([stop], [election]);
  assert.equal(deposed.rule, "S5");
});

test("S6 sees a word that a server took and did not write", () => {
  const scene = started();
  const content = {
    uid: uid("1.1-1"),
    epoch: epoch(1),
    result: "running",
    detail: "",
    health: "none",
    stable: false,
    configRevision: 1,
  } as const;
  const request = { kind: "report", node: node("n1"), service: service(web), content } as const;
  const answered = { request, answer: { kind: "done" }, askedAtMs: 0 } as const;
  scene.commit([report(web, { node: "n1", epoch: 1, uid: "1.1-1", result: "running" })]);
  scene.checks.observer.onAnswer(answered);
  assert.deepEqual(scene.broken, []);
  const other = { ...request, content: { ...content, result: "stopped" } } as const;
  scene.checks.observer.onAnswer({ ...answered, request: other });
  assert.equal(scene.rule, "S6");
});

test("S6 sees a configuration that a manager overwrites, and an order that ends untold", () => {
  const overwritten = started();
  const event = {
    kind: "put",
    key: "events/1",
    value: { version: 1, subject: web, reason: { code: "requested" } },
  } as const;
  overwritten.manage([configuration(web, { state: "stopped", onIsolation: "keep" }), event]);
  assert.equal(overwritten.rule, "S6");
  const order = { version: 1, id: "1", kind: "migrate", target: "n2", by: "person" };
  const untold = started();
  untold.put(`commands/${web}`, order);
  untold.manage([{ kind: "delete", key: `commands/${web}` }, event]);
  assert.equal(untold.rule, "S6");
});

test("S6 sees a move that is begun twice in one life of an agent", () => {
  const scene = started();
  const life = {};
  const effect = {
    kind: "move",
    service: service(web),
    uid: uid("1.1-2"),
    instanceId: undefined,
    target: node("n2"),
    live: true,
  } as const;
  scene.checks.observer.onEffect({ node: node("n1"), life, effect });
  scene.checks.observer.onEffect({ node: node("n1"), life: {}, effect });
  assert.deepEqual(scene.broken, []);
  scene.checks.observer.onEffect({ node: node("n1"), life, effect });
  assert.equal(scene.rule, "S6");
});

test("S1 sees a second move before the first one's end, and not after it", () => {
  const move = { state: "relocate", node: "n1", nodeEpoch: 1, target: "n2" };
  const early = started(move);
  early.manage([status(web, { ...move, target: "n3", uid: "1.1-2" })]);
  assert.equal(early.rule, "S1");
  const late = started(move);
  late.commit([report(web, { node: "n1", epoch: 1, uid: "1.1-1", result: "failed" })]);
  late.manage([status(web, { ...move, target: "n3", uid: "1.1-2" })]);
  assert.deepEqual(late.broken, []);
});

test("S8 sees error that is left by nobody's word, and lets disabled out of it", () => {
  const back = status(web, { state: "started", node: "n1", nodeEpoch: 1, uid: "1.1-2" });
  const alone = started({ state: "error" });
  alone.manage([back]);
  assert.equal(alone.rule, "S8");
  const asked = started({ state: "error" });
  asked.commit([configuration(web, { state: "disabled", onIsolation: "stop" })]);
  asked.manage([status(web, { state: "stopped", node: "n1", nodeEpoch: 1, uid: "1.1-2" })]);
  assert.deepEqual(asked.broken, []);
});

test("S8 sees an agent that touches what it has let go of", () => {
  const scene = started({ state: "freeze", mayOutliveLease: true });
  scene.commit([report(web, { node: "n1", epoch: 1, uid: "1.1-1", result: "released" })]);
  const effect = {
    kind: "stop",
    service: service(web),
    instanceId: "n1-1",
    timeoutMs: undefined,
  } as const;
  scene.checks.observer.onEffect({ node: node("n1"), life: {}, effect });
  assert.equal(scene.rule, "S8");
});

test("accuseOf() names the rule of a broken assertion, and lets other errors through", () => {
  const scene = started();
  scene.checks.accuseOf(new InvariantError("this must hold and does not: S3: nothing runs"));
  assert.equal(scene.rule, "S3");
  assert.throws(() => scene.checks.accuseOf(new TypeError("a bug of the simulator")), TypeError);
});
