/** The recorded JSON form: what its orders mean, and what is refused. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Plan } from "../../../src/sim/plan.ts";
import { parseScenario } from "../../../src/sim/scenario/parse-scenario.ts";

interface Case {
  readonly steps?: readonly string[];
  readonly services?: Readonly<Record<string, object>>;
  readonly more?: object;
}

function textOf({ steps = [], services = {}, more = {} }: Case): string {
  return JSON.stringify({
    name: "case",
    nodes: { node1: {}, node2: { power: "on", network: "on", version: "9" } },
    services: { "vm:101": { node: "node1", state: "started" }, ...services },
    steps: steps.map((order) => ({ at: 20, do: order })),
    endAt: 100,
    ...more,
  });
}

function planOf(scenario: Case): Plan {
  const plan = parseScenario(textOf(scenario), "case.json");
  assert.ok(plan.ok, plan.ok ? "" : plan.error.join("\n"));
  return plan.value;
}

function actionsOf(steps: readonly string[]): unknown {
  return JSON.parse(JSON.stringify(planOf({ steps }).actions.map(({ action }) => action)));
}

const node = "node1";
const service = "vm:101";

describe("parseScenario() on the recorded form", () => {
  for (const [order, actions] of [
    // Its network comes up with it.
    [
      "power node1 on",
      [
        { kind: "power", node, on: true },
        { kind: "network", node, on: true },
      ],
    ],
    ["network node1 off", [{ kind: "network", node, on: false }]],
    ["reboot node1", [{ kind: "reboot", node }]],
    ["shutdown node1", [{ kind: "shutdown", node }]],
    ["restart-lrm node1", [{ kind: "restart-agent", node }]],
    ["crm node1 stop", [{ kind: "stop-server", node }]],
    ["crm node1 enable-node-maintenance", [{ kind: "maintenance", node, on: true }]],
    ["crm node1 disable-node-maintenance", [{ kind: "maintenance", node, on: false }]],
    ["crm node1 disarm-ha freeze", [{ kind: "arming", mode: "freeze" }]],
    ["crm node1 disarm-ha ignore", [{ kind: "arming", mode: "ignore" }]],
    ["crm node1 arm-ha", [{ kind: "arming", mode: "armed" }]],
    ["skip-round crm 2", [{ kind: "skip-rounds", part: "manager", count: 2 }]],
    ["skip-round lrm", [{ kind: "skip-rounds", part: "agents", count: 1 }]],
    ["cfs node1 rw fail", [{ kind: "store", mode: "read-only", server: node }]],
    ["cfs node1 update fail", [{ kind: "store", mode: "unavailable", server: node }]],
    ["service vm:101 stopped", [{ kind: "request", service, state: "stopped" }]],
    ["service vm:101 migrate node2", [{ kind: "move", service, by: "migrate", target: "node2" }]],
    ["service vm:101 stop 37", [{ kind: "stop", service, timeoutMs: 37_000 }]],
    ["service vm:101 delete", [{ kind: "remove", service, release: true }]],
    ["service vm:101 lock", [{ kind: "lock", service, name: "backup" }]],
    ["service vm:101 lock snapshot", [{ kind: "lock", service, name: "snapshot" }]],
    ["service vm:101 unlock", [{ kind: "lock", service }]],
    ["service vm:101 manual-migrate node2", [{ kind: "located", service, node: "node2" }]],
    [
      "service vm:101 set-static-stats maxcpu 2.5 maxmem 1024",
      [{ kind: "limits", service, cpuCores: 2.5, memoryBytes: 1_073_741_824 }],
    ],
    [
      "service vm:101 set-dynamic-stats mem 1",
      [{ kind: "usage", service, memoryBytes: 1_048_576 }],
    ],
    ["pve-manager-version node1 set 9.0.0~16", []],
  ] as const) {
    it(`reads "${order}"`, () => assert.deepEqual(actionsOf([order]), actions));
  }

  it("keeps a store's two faults on one node apart", () => {
    const modes = planOf({
      steps: [
        "cfs node1 rw fail",
        "cfs node1 update fail",
        "cfs node1 update work",
        "cfs node1 rw work",
      ],
    }).actions.map(({ action }) => (action.kind === "store" ? action.mode : action.kind));
    assert.deepEqual(modes, ["read-only", "unavailable", "read-only", "ok"]);
  });

  it("adds a service as it is named, with the figures of that system", () => {
    const { actions } = planOf({
      steps: ["service ct:7 add node2 stopped 1", "service ct:7 started"],
    });
    const [added, usage] = actions.map(({ action }) => action);
    assert.ok(added?.kind === "add" && usage?.kind === "usage");
    assert.deepEqual(
      [added.service.state, added.service.node, added.running],
      ["stopped", "node2", true],
    );
    assert.deepEqual(added.service.limits, { cpuCores: 4, memoryBytes: 4 * 1_024 ** 3 });
    assert.deepEqual([usage.cpuCores, usage.memoryBytes], [2, 2 * 1_024 ** 3]);
  });

  for (const [id, wanted] of [
    ["fa:130", { failingStarts: 3, failingMoves: 0, cannotStop: false, onlyOn: undefined }],
    ["fa:1501", { failingStarts: 5, failingMoves: 0, cannotStop: true, onlyOn: undefined }],
    ["fa:109", { failingStarts: 0, failingMoves: 9, cannotStop: false, onlyOn: undefined }],
    ["fa:120012", { failingStarts: 2, failingMoves: 0, cannotStop: false, onlyOn: "node2" }],
  ] as const) {
    it(`reads from its digits how ${id} fails`, () => {
      const { services } = planOf({ services: { [id]: { node: "node1" } } });
      const found = services.find((one) => one.id === id);
      assert.deepEqual(found?.misbehaviour, { ...wanted, missing: false });
      assert.deepEqual([found?.moveBy, found?.state], ["cold", "disabled"]);
    });
  }

  it("takes the times of that system, which hold the relations of safe ones", () => {
    const { settings, pace } = planOf({});
    assert.deepEqual(settings.times, { ttlMs: 120_000, watchdogMs: 60_000, renewEveryMs: 20_000 });
    assert.deepEqual(
      [settings.suspectMs, settings.roundMs, pace.roundMs],
      [60_000, 20_000, 20_000],
    );
    assert.deepEqual([pace.watchdog, pace.presence, pace.idleAfterMs], ["reset", true, 600_000]);
  });

  for (const [form, running] of [
    ["lists by node", { node2: ["vm:101"] }],
    ["marks by node", { node2: { "vm:101": 1 } }],
    ["nodes by service", { "vm:101": "node2" }],
  ] as const) {
    it(`reads what runs at the start as ${form}`, () => {
      assert.deepEqual(planOf({ more: { running } }).initial?.running, [
        { service: "vm:101", node: "node2" },
      ]);
    });
  }

  it("takes over what the manager before had written", () => {
    const managerStatus = {
      master_node: "node1",
      node_status: { node1: "online" },
      service_status: {
        "vm:101": { state: "migrate", node: "node1", target: "node2", uid: "a/b" },
      },
    };
    const { initial } = planOf({ more: { managerStatus } });
    assert.deepEqual(initial?.nodeStates, [{ node: "node1", state: "online" }]);
    const [status] = initial?.statuses ?? [];
    assert.deepEqual(
      [status?.state, status?.node, status?.target, status?.uid],
      ["migrate", "node1", "node2", "a/b"],
    );
  });
});

describe("parseScenario() refuses in the recorded form", () => {
  for (const [what, scenario, fault] of [
    [
      "an unknown step, with its place and the known words",
      { steps: ["power node1 on", "explode node1"] },
      'case.json: steps.1.do: unknown step "explode"; known are: power, network, reboot, shutdown, restart-lrm, crm, skip-round, cfs, service, pve-manager-version',
    ],
    [
      "an unknown word about a service",
      { steps: ["service vm:101 explode"] },
      /^case\.json: steps\.0\.do: unknown word "explode" after "service vm:101"; known are: started, .*set-dynamic-stats$/,
    ],
    [
      "an unknown node",
      { steps: ["power node9 on"] },
      'case.json: steps.0.do: there is no node "node9"; there are: node1, node2',
    ],
    [
      "an unknown service",
      { steps: ["service vm:9 started"] },
      'case.json: steps.0.do: there is no service "vm:9"; there are: vm:101',
    ],
    [
      "an order of another form",
      { steps: ["power node1 maybe"] },
      "case.json: steps.0.do: write: power NODE on|off",
    ],
    [
      "a service that is there twice",
      { steps: ["service vm:101 add node1"] },
      'case.json: steps.0.do: service "vm:101" is there already',
    ],
    [
      "a negative time",
      { more: { steps: [{ at: -1, do: "reboot node1" }] } },
      "case.json: steps.0.at: a time is not negative",
    ],
    ["an unknown field", { more: { stages: [] } }, "case.json: stages: unknown field"],
    [
      "a service on no node",
      { services: { "vm:7": { node: "node9" } } },
      'case.json: services.vm:7.node: there is no node "node9"; there are: node1, node2',
    ],
  ] as const) {
    it(what, () => {
      const plan = parseScenario(textOf(scenario), "case.json");
      const faults = plan.ok ? [] : plan.error;
      assert.equal(faults.length, 1, faults.join("\n"));
      if (typeof fault === "string") assert.equal(faults[0], fault);
      else assert.match(faults[0] ?? "", fault);
    });
  }
});
