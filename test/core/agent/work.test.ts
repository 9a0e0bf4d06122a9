/** An event costs the machine of a node what it concerns, however many services the node carries. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentEffect } from "../../../src/core/agent/effect.ts";
import type { AgentEvent } from "../../../src/core/agent/event.ts";
import {
  type AgentInstruction,
  createAgentState,
  type Slot,
} from "../../../src/core/agent/state.ts";
import { step } from "../../../src/core/agent/step.ts";
import { epochOf, type ServiceId } from "../../../src/core/ids.ts";
import { instantMs } from "../../../src/core/time.ts";
import { instruction, node } from "../../agent/support/core-machine.ts";
import { serviceNamed } from "../../sim/scenario/dice.ts";

const epoch = epochOf(1);
const farMs = instantMs(1_000_000_000);
const lease = { epoch, runUntilMs: farMs, watchdogMs: 4_500 } as const;

const serviceOf = (index: number): ServiceId => serviceNamed(`process:s${index}`);

/** A node that counts how often anything of a slot is looked at. */
class CountedNode {
  readonly state = createAgentState({ node, instancePrefix: "i" });
  readonly services: readonly ServiceId[];
  readonly pending: AgentEvent[] = [];
  nowMs = 0;
  lookCount = 0;

  /** Every service runs, and the manager has heard all that there is to say. */
  constructor(serviceCount: number) {
    this.services = Array.from({ length: serviceCount }, (_, index) => serviceOf(index));
    this.send({ kind: "lease-granted", ...lease });
    const instructions = this.services.map((service) => this.told(service, "u1"));
    this.send({ kind: "snapshot", instructions });
    this.drain();
    this.nowMs = 60_000;
    this.send({ kind: "tick" });
    this.drain();
    for (const [service, slot] of this.state.slots) {
      assert.equal(slot.phase.kind, "running");
      this.state.slots.set(service, new Proxy(slot, { get: this.#look }));
    }
  }

  readonly #look = (slot: Slot, name: string | symbol): unknown => {
    this.lookCount += 1;
    return Reflect.get(slot, name);
  };

  told(service: ServiceId, uid: string, more: Partial<AgentInstruction> = {}): AgentInstruction {
    return instruction(uid, { service, ...more });
  }

  send(event: AgentEvent): void {
    const { effects } = step(this.state, event, instantMs(this.nowMs));
    for (const effect of effects) this.pending.push(...answersTo(effect));
  }

  /** Answers what was asked, and what was asked then. */
  drain(): void {
    for (let next = this.pending.shift(); next !== undefined; next = this.pending.shift()) {
      this.send(next);
    }
  }

  /** Looks at slots that the events took, with all that followed. */
  looksAt(...events: readonly AgentEvent[]): number {
    const before = this.lookCount;
    for (const event of events) {
      this.send(event);
      this.drain();
    }
    return this.lookCount - before;
  }

  instanceOf(service: ServiceId): string {
    const phase = this.state.slots.get(service)?.phase;
    assert(phase?.kind === "running");
    return phase.instanceId;
  }
}

function answersTo(effect: AgentEffect): readonly AgentEvent[] {
  switch (effect.kind) {
    case "confirm":
      return [{ ...effect, kind: "confirm-answered", answer: "current" }];
    case "start":
      return [{ kind: "started", service: effect.service, instanceId: effect.instanceId }];
    case "stop":
      return [{ kind: "stopped", service: effect.service, instanceId: effect.instanceId }];
    case "report":
      return [{ ...effect, kind: "report-answered", answer: "accepted" }];
    case "put-mode":
      return [{ kind: "mode-answered", sequence: effect.sequence, answer: "accepted" }];
    default:
      return [];
  }
}

/** Events of one service, or of none, each with what it takes to make it. */
const cases: Readonly<Record<string, (on: CountedNode, service: ServiceId) => AgentEvent>> = {
  "a tick": () => ({ kind: "tick" }),
  "a renewal": () => ({ kind: "lease-renewed", ...lease }),
  "an instruction": (on, service) => ({ kind: "instruction", instruction: on.told(service, "u2") }),
  "a restart for a changed configuration": (on, service) => ({
    kind: "instruction",
    instruction: on.told(service, "u2", { restartKey: "other", configurationKey: "other" }),
  }),
  "a stop": (on, service) => ({
    kind: "instruction",
    instruction: on.told(service, "u2", { state: "request_stop" }),
  }),
  "the end of an assignment": (_on, service) => ({ kind: "gone", service }),
  "a change of health": (on, service) => ({
    kind: "health-changed",
    service,
    instanceId: on.instanceOf(service),
    health: "healthy",
    detail: "",
  }),
  "a crash": (on, service) => ({
    kind: "exited",
    service,
    instanceId: on.instanceOf(service),
    detail: "exit code 1",
  }),
};

for (const [what, eventOf] of Object.entries(cases)) {
  test(`step() looks at no other service for ${what}`, () => {
    const looks = [20, 2_000].map((serviceCount) => {
      const on = new CountedNode(serviceCount);
      const service = serviceOf(7);
      const count = on.looksAt(eventOf(on, service));
      on.nowMs += 150; // the restart after a crash is due
      return count + on.looksAt({ kind: "tick" });
    });
    assert.equal(looks[1], looks[0]);
  });
}

test("step() looks at no service for a tick or a renewal, though thousands run", () => {
  const on = new CountedNode(2_000);
  assert.equal(on.looksAt({ kind: "tick" }, { kind: "lease-renewed", ...lease }), 0);
});

test("step() begins and ends an operation of each of 2,000 services with the work of one for each", () => {
  const perService = [20, 2_000].map((serviceCount) => {
    const on = new CountedNode(serviceCount);
    const more = { restartKey: "other", configurationKey: "other" };
    const instructions = on.services.map((service) => on.told(service, "u2", more));
    // All wait from the same moment on; four operations go on at a time.
    const count = on.looksAt({ kind: "snapshot", instructions });
    for (const slot of on.state.slots.values()) {
      assert(slot.phase.kind === "running" && slot.phase.restartKey === "other");
    }
    return count / serviceCount;
  });
  const [small = 0, large = 0] = perService;
  assert.ok(large < small * 1.5, `${small} looks a service of 20, ${large} of 2,000`);
});

test("step() hands 2,000 services over before a restart of the agent with the work of one for each", () => {
  const perService = [20, 2_000].map((serviceCount) => {
    const on = new CountedNode(serviceCount);
    const more = { state: "freeze", survivesIsolation: true } as const;
    const events: AgentEvent[] = [{ kind: "leave", how: "restart", deadlineMs: farMs }];
    for (const service of on.services) {
      events.push({
        kind: "instruction",
        instruction: on.told(service, "u2", more),
      });
    }
    const count = on.looksAt(...events);
    assert.equal(on.state.closing, "released");
    return count / serviceCount;
  });
  const [small = 0, large = 0] = perService;
  assert.ok(large < small * 1.5, `${small} looks a service of 20, ${large} of 2,000`);
});

test("step() stops 2,000 services at the agent's end with the work of one for each", () => {
  const perService = [20, 2_000].map((serviceCount) => {
    const on = new CountedNode(serviceCount);
    const count = on.looksAt({ kind: "close" });
    assert.equal(on.state.closing, "stopped");
    return count / serviceCount;
  });
  const [small = 0, large = 0] = perService;
  assert.ok(large < small * 1.5, `${small} looks a service of 20, ${large} of 2,000`);
});

test("step() kills 2,000 services of a lost lease with the work of one for each", () => {
  const perService = [20, 2_000].map((serviceCount) => {
    const on = new CountedNode(serviceCount);
    const count = on.looksAt({ kind: "lease-lost", epoch, why: "test" });
    assert.ok(on.state.leaseRequested, "all are dead");
    return count / serviceCount;
  });
  const [small = 0, large = 0] = perService;
  assert.ok(large < small * 1.5, `${small} looks a service of 20, ${large} of 2,000`);
});
