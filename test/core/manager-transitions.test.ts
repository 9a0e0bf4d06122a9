/** The manager's transitions as a table: a situation, one event, where the service is afterwards and why. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { foreignUid, Manager, nodeId } from "./manager-harness.ts";

interface Row {
  readonly name: string;
  /** Nodes node1..node3 are online; process:a was added before. */
  readonly arrange?: (manager: Manager) => void;
  readonly act: (manager: Manager) => void;
  readonly becomes: string;
  /** The states of the last step, where they matter. */
  readonly path?: readonly string[];
  readonly reason?: string;
}

const a = "process:a";
const running = (manager: Manager): void => manager.report(a, "running");
const loseNode1 = (manager: Manager): void => manager.lose("node1", 1);
const stopped = (manager: Manager): void => {
  manager.set(a, { requested: "stopped" });
  manager.report(a, "stopped");
};
const inError = (manager: Manager): void => {
  manager.report(a, "failed");
  manager.report(a, "stopped");
  manager.report(a, "failed");
};
const keepLost = (manager: Manager): void => {
  manager.set(a, { onIsolation: "keep" });
  running(manager);
  loseNode1(manager);
  manager.fenced("node1", 2);
};

const rows: readonly Row[] = [
  { name: "a new service is placed and started", act: () => undefined, becomes: "started node1" },
  {
    name: "started stays started when its agent reports it running",
    act: running,
    becomes: "started node1",
    path: [],
  },
  {
    name: "started stays when a report names another instruction",
    act: (manager) => manager.report(a, "failed", { uid: foreignUid }),
    becomes: "started node1",
    path: [],
  },
  {
    name: "started goes to request_stop when stopped is requested",
    act: (manager) => manager.set(a, { requested: "stopped" }),
    becomes: "request_stop node1",
    reason: "it was requested stopped",
  },
  {
    name: "started goes to request_stop when disabled is requested",
    act: (manager) => manager.set(a, { requested: "disabled" }),
    becomes: "request_stop node1",
  },
  {
    name: "started goes to ignored when ignored is requested",
    act: (manager) => manager.set(a, { requested: "ignored" }),
    becomes: "ignored node1",
  },
  {
    name: "started goes to fence when its node loses its lease",
    arrange: running,
    act: loseNode1,
    becomes: "fence node1",
    reason: 'node "node1" lost its lease (epoch 1)',
  },
  {
    name: "started stays when an older lease of its node is gone",
    arrange: (manager) => manager.grant("node1", 2),
    act: loseNode1,
    becomes: "started node1",
    path: [],
  },
  {
    name: "started is bound to the new epoch when its node is back at once",
    arrange: running,
    act: (manager) => manager.grant("node1", 2),
    becomes: "started node1",
    reason: 'node "node1" is back with epoch 2',
  },
  {
    name: "started goes to relocate after a failed start",
    act: (manager) => manager.report(a, "failed"),
    becomes: "relocate node1 -> node2",
    reason:
      'it failed to start on node "node1" (exit code 1); failure 1, up to 1 lead to another node: trying "node2"',
  },
  {
    name: "started goes to error after more failed nodes than maxRelocate",
    act: inError,
    becomes: "error node2",
    reason: 'it failed to start on "node1", "node2" (exit code 1); maxRelocate is 1',
  },
  {
    name: "started goes to error at once with maxRelocate 0",
    arrange: (manager) => manager.set(a, { maxRelocate: 0 }),
    act: (manager) => manager.report(a, "failed"),
    becomes: "error node1",
  },
  {
    name: "started is retried on its node when every node was tried",
    arrange: (manager) => {
      manager.set(a, { maxRelocate: 9 });
      manager.lose("node2", 1);
      manager.lose("node3", 1);
    },
    act: (manager) => manager.report(a, "failed"),
    becomes: "started node1",
    reason:
      'it failed to start on node "node1" (exit code 1); every permitted node was tried, so it is tried there again',
  },
  {
    name: "started goes to error on an unknown error",
    act: (manager) => manager.report(a, "unknown-error"),
    becomes: "error node1",
  },
  {
    name: "started goes to error when the agent says that it is the wrong node",
    act: (manager) => manager.report(a, "wrong-node"),
    becomes: "error node1",
  },
  {
    name: "started goes to migrate by command",
    act: (manager) => manager.command(a, "migrate", "node3"),
    becomes: "migrate node1 -> node3",
  },
  {
    name: "started goes to relocate by command",
    act: (manager) => manager.command(a, "relocate", "node2"),
    becomes: "relocate node1 -> node2",
  },
  {
    name: "started refuses a command to a node that is not online",
    arrange: (manager) => manager.lose("node3", 1),
    act: (manager) => manager.command(a, "migrate", "node3"),
    becomes: "started node1",
    path: [],
  },
  {
    name: "started refuses a command to its own node",
    act: (manager) => manager.command(a, "migrate", "node1"),
    becomes: "started node1",
    path: [],
  },
  {
    name: "started goes to request_stop by command stop",
    act: (manager) => manager.command(a, "stop"),
    becomes: "request_stop node1",
  },
  {
    name: "started goes to request_stop when it is removed",
    act: (manager) => manager.set(a, { removing: true }),
    becomes: "request_stop node1",
    reason: "it was removed by a person",
  },
  {
    name: "request_stop goes to stopped when reported",
    arrange: (manager) => manager.set(a, { requested: "stopped" }),
    act: (manager) => manager.report(a, "stopped"),
    becomes: "stopped node1",
  },
  {
    name: "request_stop goes to error when the stop fails",
    arrange: (manager) => manager.set(a, { requested: "stopped" }),
    act: (manager) => manager.report(a, "failed"),
    becomes: "error node1",
    reason: 'it could not be stopped on node "node1": exit code 1',
  },
  {
    name: "request_stop goes to fence when its node is lost",
    arrange: (manager) => manager.set(a, { requested: "stopped" }),
    act: loseNode1,
    becomes: "fence node1",
  },
  {
    name: "request_stop waits for the stop although started is requested again",
    arrange: (manager) => manager.set(a, { requested: "stopped" }),
    act: (manager) => manager.set(a, { requested: "started" }),
    becomes: "request_stop node1",
    path: [],
  },
  {
    name: "stopped goes to started when requested",
    arrange: stopped,
    act: (manager) => manager.set(a, { requested: "started" }),
    becomes: "started node1",
    path: ["request_start node1", "started node1"],
  },
  {
    name: "stopped follows a migrate command",
    arrange: stopped,
    act: (manager) => manager.command(a, "migrate", "node2"),
    becomes: "migrate node1 -> node2",
  },
  {
    name: "stopped goes to fence when its node is lost",
    arrange: stopped,
    act: loseNode1,
    becomes: "fence node1",
  },
  {
    name: "stopped stays when it is disabled and its node is lost",
    arrange: (manager) => {
      stopped(manager);
      manager.set(a, { requested: "disabled" });
    },
    act: loseNode1,
    becomes: "stopped node1",
    path: [],
  },
  {
    name: "migrate goes to started on the target once the source has stopped it",
    arrange: (manager) => manager.command(a, "migrate", "node2"),
    act: (manager) => manager.report(a, "stopped"),
    becomes: "started node2",
    path: ["started node2"],
  },
  {
    name: "migrate goes to request_stop on the target when it is to be stopped",
    arrange: (manager) => {
      manager.command(a, "migrate", "node2");
      manager.set(a, { requested: "stopped" });
    },
    act: (manager) => manager.report(a, "stopped"),
    becomes: "request_stop node2",
  },
  {
    name: "relocate stays with its source when the stop fails",
    arrange: (manager) => manager.command(a, "relocate", "node2"),
    act: (manager) => manager.report(a, "failed"),
    becomes: "started node1",
    reason: 'it could not be moved from node "node1" to "node2": exit code 1',
  },
  {
    name: "relocate goes back when the target is lost meanwhile",
    arrange: (manager) => {
      manager.command(a, "relocate", "node2");
      manager.lose("node2", 1);
    },
    act: (manager) => manager.report(a, "stopped"),
    becomes: "started node1",
    path: ["started node1"],
  },
  {
    name: "relocate goes to error on the wrong node",
    arrange: (manager) => manager.command(a, "relocate", "node2"),
    act: (manager) => manager.report(a, "wrong-node"),
    becomes: "error node1",
  },
  {
    name: "relocate goes to fence when its source is lost",
    arrange: (manager) => manager.command(a, "relocate", "node2"),
    act: loseNode1,
    becomes: "fence node1",
  },
  {
    name: "fence goes through recovery to started elsewhere once fencing is acknowledged",
    arrange: loseNode1,
    act: (manager) => manager.fenced("node1", 2),
    becomes: "started node2",
    path: ["recovery node1", "started node2"],
    reason:
      'node "node1" was lost; node "node2" is the least loaded of those that are online and permitted (it had no other service)',
  },
  {
    name: "fence ends in the same way when the node is granted a newer epoch first",
    arrange: loseNode1,
    act: (manager) => manager.grant("node1", 2),
    becomes: "started node2",
  },
  {
    name: "fence waits for a confirmation when a copy may survive",
    arrange: (manager) => {
      manager.set(a, { onIsolation: "keep" });
      running(manager);
      loseNode1(manager);
    },
    act: (manager) => manager.fenced("node1", 2),
    becomes: "fence node1",
  },
  {
    name: "fence waits for a confirmation also when the surviving copy was stopped and started before",
    arrange: (manager) => {
      manager.set(a, { onIsolation: "keep" });
      running(manager);
      stopped(manager);
      manager.set(a, { requested: "started" });
      running(manager);
      loseNode1(manager);
    },
    act: (manager) => manager.fenced("node1", 2),
    becomes: "fence node1",
  },
  {
    name: "fence waits for a confirmation also when it was moved in vain while it was stopped",
    arrange: (manager) => {
      manager.set(a, { onIsolation: "keep" });
      running(manager);
      stopped(manager);
      manager.command(a, "relocate", "node2");
      manager.set(a, { requested: "started" });
      manager.lose("node2", 1);
      manager.report(a, "stopped");
      running(manager);
      loseNode1(manager);
    },
    act: (manager) => manager.fenced("node1", 2),
    becomes: "fence node1",
  },
  {
    name: "fence waits for a confirmation also when the surviving copy was ignored between its starts",
    arrange: (manager) => {
      manager.set(a, { onIsolation: "keep" });
      running(manager);
      stopped(manager);
      manager.set(a, { requested: "ignored" });
      manager.set(a, { requested: "started" });
      running(manager);
      loseNode1(manager);
    },
    act: (manager) => manager.fenced("node1", 2),
    becomes: "fence node1",
  },
  {
    name: "fence is left when a person confirms the node off",
    arrange: keepLost,
    act: (manager) => manager.confirmOff("node1", 2),
    becomes: "started node2",
  },
  {
    name: "fence is left on the same node when it is back with the surviving copy",
    arrange: keepLost,
    act: (manager) => manager.grant("node1", 3),
    becomes: "started node1",
  },
  {
    name: "recovery waits while no node is online and takes the first that is",
    arrange: (manager) => {
      manager.lose("node2", 1);
      manager.lose("node3", 1);
      loseNode1(manager);
      manager.fenced("node1", 2);
      assert.equal(manager.where(a), "recovery node1");
    },
    act: (manager) => manager.grant("node3", 2),
    becomes: "started node3",
  },
  {
    name: "recovery ends in stopped when disabled is requested",
    arrange: (manager) => {
      manager.lose("node2", 1);
      manager.lose("node3", 1);
      loseNode1(manager);
      manager.fenced("node1", 2);
    },
    act: (manager) => manager.set(a, { requested: "disabled" }),
    becomes: "stopped node1",
  },
  {
    name: "error stays when started is requested",
    arrange: inError,
    act: (manager) => manager.set(a, { requested: "started" }),
    becomes: "error node2",
    path: [],
  },
  {
    name: "error stays when its node is lost",
    arrange: inError,
    act: (manager) => manager.lose("node2", 1),
    becomes: "error node2",
    path: [],
  },
  {
    name: "error goes to stopped when disabled is requested",
    arrange: inError,
    act: (manager) => manager.set(a, { requested: "disabled" }),
    becomes: "stopped node2",
  },
  {
    name: "error refuses commands",
    arrange: inError,
    act: (manager) => manager.command(a, "migrate", "node3"),
    becomes: "error node2",
    path: [],
  },
  {
    name: "error tries another stop when the service is removed",
    arrange: inError,
    act: (manager) => manager.set(a, { removing: true }),
    becomes: "request_stop node2",
  },
  {
    name: "ignored goes to started where it was",
    arrange: (manager) => manager.set(a, { requested: "ignored" }),
    act: (manager) => manager.set(a, { requested: "started" }),
    becomes: "started node1",
  },
  {
    name: "ignored stays when its node is lost",
    arrange: (manager) => manager.set(a, { requested: "ignored" }),
    act: loseNode1,
    becomes: "ignored node1",
    path: [],
  },
  {
    name: "ignored waits for confirmation when it is managed again on a lost node",
    arrange: (manager) => {
      manager.set(a, { requested: "ignored" });
      loseNode1(manager);
      manager.set(a, { requested: "started" });
    },
    act: (manager) => manager.fenced("node1", 2),
    becomes: "fence node1",
    reason:
      'a copy may still run on node "node1", which no watchdog has to end: it waits until the node is back or confirmed off',
  },
];

describe("step()", () => {
  for (const row of rows) {
    test(row.name, () => {
      const manager = new Manager().online("node1", "node2", "node3").add(a);
      row.arrange?.(manager);
      row.act(manager);
      assert.equal(manager.where(a), row.becomes);
      if (row.path !== undefined) assert.deepEqual(manager.path(a), row.path);
      if (row.reason !== undefined) assert.equal(manager.sentence(a), row.reason);
    });
  }
});

describe("step() with nodes", () => {
  test("queues a service until a node is online", () => {
    const manager = new Manager().add(a);
    assert.equal(manager.where(a), "queued");
    manager.online("node1");
    assert.equal(manager.where(a), "started node1");
  });

  test("places services on the node with the fewest, ties by name", () => {
    const manager = new Manager().online("node2", "node1", "node3");
    for (const id of ["process:a", "process:b", "process:c", "process:d"]) manager.add(id);
    const places = ["process:a", "process:b", "process:c", "process:d"].map((id) =>
      manager.where(id),
    );
    assert.deepEqual(places, ["started node1", "started node2", "started node3", "started node1"]);
  });

  test("prefers a service's configured node while it is online", () => {
    const manager = new Manager().online("node1", "node2").add(a, { home: nodeId("node2") });
    assert.equal(manager.where(a), "started node2");
    manager.lose("node1", 1);
    manager.add("process:b", { home: nodeId("node1") });
    assert.equal(manager.where("process:b"), "started node2");
  });

  test("spreads the services of a lost node", () => {
    const manager = new Manager().online("node1");
    for (const id of ["process:a", "process:b", "process:c", "process:d"]) manager.add(id);
    manager.online("node2", "node3");
    manager.lose("node1", 1);
    manager.fenced("node1", 2);
    const places = ["process:a", "process:b", "process:c", "process:d"].map((id) =>
      manager.where(id),
    );
    assert.deepEqual(places, ["started node2", "started node3", "started node2", "started node3"]);
  });

  test("fences a lost node once, however many services it has, and none without services", () => {
    const manager = new Manager().online("node1", "node2").add("process:a").add("process:b");
    manager.add("process:c");
    manager.lose("node1", 1);
    assert.equal(manager.effects.filter((effect) => effect.kind === "fence-node").length, 1);
    const bare = new Manager().online("node1", "node2");
    bare.lose("node1", 1);
    assert.equal(bare.has("fence-node"), false);
    assert.equal(bare.state.nodes.get(nodeId("node1"))?.state, "unknown");
  });

  test("makes every takeover conditional on the fenced node's epoch (S4)", () => {
    const manager = new Manager().online("node1", "node2").add(a);
    manager.lose("node1", 1);
    assert.equal(manager.state.nodes.get(nodeId("node1"))?.state, "fence");
    manager.fenced("node1", 2);
    assert.equal(manager.state.nodes.get(nodeId("node1"))?.state, "unknown");
    const put = manager.effects.find((effect) => effect.kind === "put-status");
    assert.deepEqual(put?.kind === "put-status" && put.conditions, [{ node: "node1", epoch: 2 }]);
  });

  test("waits for the suspect time where one is set", () => {
    const manager = new Manager({ suspectMs: 5_000 }).online("node1", "node2").add(a);
    manager.lose("node1", 1);
    assert.equal(manager.where(a), "started node1");
    assert.equal(manager.wakeAtMs, manager.nowMs + 5_000);
    manager.nowMs += 5_000;
    manager.send({ kind: "tick" });
    assert.equal(manager.where(a), "fence node1");
  });

  test("changes a running service from keep to stop only after its agent's word", () => {
    const manager = new Manager().online("node1", "node2").add(a, { onIsolation: "keep" });
    manager.report(a, "running");
    manager.set(a, { onIsolation: "stop" });
    const status = manager.status(a);
    assert.ok(status.state === "started" && status.mayOutliveLease && !status.survivesIsolation);
    manager.report(a, "running");
    const after = manager.status(a);
    assert.ok(after.state === "started" && !after.mayOutliveLease);
    assert.equal(after.uid, status.uid);
  });

  test("forgets a removed service after its stop, and a queued one at once", () => {
    const manager = new Manager().online("node1").add(a);
    manager.set(a, { removing: true });
    manager.report(a, "stopped");
    assert.ok(manager.has("forget-service"));
    assert.equal(manager.state.services.size, 0);
    const empty = new Manager().add(a);
    empty.set(a, { removing: true });
    assert.ok(empty.has("forget-service"));
  });

  test("forgets failed nodes once the service has run for a while, and not before", () => {
    const manager = new Manager().online("node1", "node2").add(a);
    manager.report(a, "failed");
    manager.report(a, "stopped");
    assert.deepEqual(manager.status(a).failedNodes, ["node1"]);
    manager.report(a, "running");
    assert.deepEqual(manager.status(a).failedNodes, ["node1"]);
    manager.report(a, "running", { stable: true });
    assert.deepEqual(manager.status(a).failedNodes, []);
  });

  test("never gives a uid twice", () => {
    const manager = new Manager().online("node1", "node2", "node3").add(a);
    const seen = new Set<string>([manager.status(a).uid]);
    for (let round = 0; round < 20; round += 1) {
      const { uid } = manager.status(a);
      manager.command(a, "relocate", `node${((round + 1) % 3) + 1}`);
      manager.report(a, "stopped");
      assert.ok(!seen.has(manager.status(a).uid) || manager.status(a).uid === uid);
      seen.add(manager.status(a).uid);
    }
    assert.ok(seen.size > 10);
  });

  test("has a fencing follow everything else, so that nothing that belongs together is parted", () => {
    const manager = new Manager().online("node1", "node2").add(a).add("process:b");
    const command = { id: "c1", kind: "stop", target: undefined, timeoutMs: undefined } as const;
    const b = manager.status("process:b");
    assert.ok(b.state === "started" && b.node === "node2");
    const effects = manager.sendAll([
      { kind: "lease-gone", node: nodeId("node1"), epoch: manager.epoch(1) },
      { kind: "command", service: b.service, command },
    ]);
    assert.equal(effects.at(-1)?.kind, "fence-node");
    assert.ok(effects.some(({ kind }) => kind === "finish-command"));
  });
});
