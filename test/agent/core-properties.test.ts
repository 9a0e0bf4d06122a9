/** The pure machine under random histories, beside a dumb model that only counts what may be alive. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AgentEffect } from "../../src/core/agent/effect.ts";
import type { AgentEvent } from "../../src/core/agent/event.ts";
import { type AgentInstruction, createAgentState } from "../../src/core/agent/state.ts";
import { step } from "../../src/core/agent/step.ts";
import {
  epochOf,
  instructionUidOf,
  parseNodeId,
  parseServiceId,
  type ServiceId,
} from "../../src/core/ids.ts";
import { instantMs } from "../../src/core/time.ts";

const me = parseNodeId("node1");
const other = parseNodeId("node2");
assert(me.ok && other.ok);
const services = ["a", "b", "c", "d", "e", "f"].map((name) => {
  const parsed = parseServiceId(`process:${name}`);
  assert(parsed.ok);
  return parsed.value;
});

const commandArbitrary = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(400) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("renew" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("instruct" as const),
      service: fc.nat(5),
      state: fc.constantFrom(
        ...(["started", "started", "started", "request_stop", "stopped", "migrate"] as const),
        ...(["freeze", "ignored", "fence", "error"] as const),
      ),
      isMine: fc.integer({ min: 0, max: 9 }),
      isOldEpoch: fc.integer({ min: 0, max: 9 }),
      survives: fc.integer({ min: 0, max: 3 }),
      newUid: fc.integer({ min: 0, max: 3 }),
      restartKey: fc.constantFrom("k1", "k1", "k1", "k2"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("gone" as const), service: fc.nat(5) }) },
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      which: fc.nat(20),
      how: fc.constantFrom("good", "good", "good", "bad", "unsure"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("exit" as const), which: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("sick" as const), which: fc.nat(10) }) },
);
type Command = typeof commandArbitrary extends fc.Arbitrary<infer T> ? T : never;
type Answerable = Extract<
  AgentEffect,
  { kind: "confirm" | "start" | "stop" | "abort-start" | "report" }
>;

interface Copy {
  readonly service: ServiceId;
  tracked: boolean;
  running: boolean;
  /** A stop or abort without grace was asked. */
  killAsked: boolean;
  readonly epoch: number;
}

/** Answers effects as a world would, and checks each effect when it appears. */
class Simulation {
  readonly state = createAgentState({ node: me.ok ? me.value : neverNode(), instancePrefix: "i" });
  now = 1_000;
  epoch = 0;
  leaseLive = false;
  runUntilMs = 0;
  isolateAtMs = 0;
  leaseAllowed = false;
  uidCount = 0;
  readonly copies = new Map<string, Copy>();
  readonly pending: Answerable[] = [];
  readonly current = new Map<ServiceId, AgentInstruction>();
  /** Confirmed, and not given up since: `service uid epoch`. */
  readonly owned = new Set<string>();
  readonly reports = new Map<ServiceId, string>();
  startCount = 0;

  send(event: AgentEvent): void {
    this.expire();
    const outcome = step(this.state, event, instantMs(this.now));
    for (const effect of outcome.effects) this.check(effect);
    this.checkState();
    this.wakeAtMs = outcome.wakeAtMs;
  }
  wakeAtMs: number | undefined;

  private expire(): void {
    if (this.leaseLive && this.now >= this.runUntilMs) this.endLease();
  }

  endLease(): void {
    this.leaseLive = false;
    this.leaseAllowed = false;
    this.owned.clear();
  }

  private check(effect: AgentEffect): void {
    switch (effect.kind) {
      case "confirm":
        assert(this.leaseLive, "S2: asks only under a live lease");
        this.pending.push(effect);
        return;
      case "start":
        this.checkStart(effect);
        return;
      case "stop":
      case "abort-start": {
        const copy = this.copies.get(effect.instanceId);
        assert(copy !== undefined, "stops only what may be alive");
        if (effect.timeoutMs === 0) copy.killAsked = true;
        this.pending.push(effect);
        return;
      }
      case "track":
      case "untrack": {
        const copy = this.copies.get(effect.instanceId);
        if (copy !== undefined) copy.tracked = effect.kind === "track";
        return;
      }
      case "report":
        this.checkReport(effect);
        return;
      case "request-lease":
        for (const copy of this.copies.values()) {
          assert(!copy.tracked, "asks for a lease only when nothing of an old one may be alive");
        }
        this.leaseAllowed = true;
        return;
      default:
        return;
    }
  }

  private checkStart(effect: Extract<AgentEffect, { kind: "start" }>): void {
    const instruction = this.current.get(effect.service);
    assert(instruction !== undefined && instruction.state === "started");
    assert(instruction.uid === effect.uid && instruction.nodeEpoch === effect.epoch);
    assert(instruction.node === "node1", "starts only what is this node's");
    assert(this.leaseLive && effect.epoch === this.epoch, "S2: a live lease of that epoch");
    assert(this.now < this.isolateAtMs, "S3: starts nothing near the deadline");
    assert(this.owned.has(`${effect.service} ${effect.uid} ${effect.epoch}`), "S2: confirmed");
    for (const copy of this.copies.values()) {
      assert(copy.service !== effect.service, "S1: no second copy");
    }
    assert(![...this.copies].some(([id]) => id === effect.instanceId));
    this.startCount += 1;
    const { service, tracked, epoch } = effect;
    const copy = { service, tracked, running: false, killAsked: false, epoch };
    this.copies.set(effect.instanceId, copy);
    this.pending.push(effect);
    const starting = [...this.copies.values()].filter((each) => !each.running && !each.killAsked);
    assert(starting.length <= 4 + this.stopsPending(), "at most four operations");
  }

  private stopsPending(): number {
    return this.pending.filter((each) => each.kind === "stop" || each.kind === "abort-start")
      .length;
  }

  private checkReport(effect: Extract<AgentEffect, { kind: "report" }>): void {
    const { content, service } = effect;
    assert(this.leaseLive && content.epoch === this.epoch, "reports under a live epoch only");
    assert(this.current.get(service)?.uid === content.uid, "reports the present uid only");
    const copies = [...this.copies.values()].filter((each) => each.service === service);
    if (content.result === "running") {
      const word = `${content.uid} running`;
      const isAgain = content.health === "unhealthy" && this.reports.get(service) === word;
      assert(isAgain || copies.some((each) => each.running), "runs, or did and is started again");
    }
    if (content.result === "stopped") assert.equal(copies.length, 0);
    if (content.result !== "running" && content.result !== "wrong-node") {
      for (const owned of this.owned) {
        if (owned.startsWith(`${service} `)) this.owned.delete(owned);
      }
    }
    this.reports.set(service, `${content.uid} ${content.result}`);
    this.pending.push(effect);
  }

  private checkState(): void {
    if (this.leaseLive) return;
    for (const copy of this.copies.values()) {
      assert(!copy.tracked || copy.killAsked, "S3: without a lease all that is tracked is killed");
    }
  }

  grant(): void {
    assert(this.leaseAllowed);
    this.epoch += 1;
    this.takeLease("lease-granted");
  }

  takeLease(kind: "lease-granted" | "lease-renewed"): void {
    this.leaseLive = true;
    this.runUntilMs = this.now + 2_000;
    this.isolateAtMs = this.runUntilMs - 300;
    const runUntilMs = instantMs(this.runUntilMs);
    this.send({ kind, epoch: epochOf(this.epoch), runUntilMs, watchdogMs: 2_000 });
  }

  answer(effect: Answerable, how: string): void {
    this.expire();
    this.pending.splice(this.pending.indexOf(effect), 1);
    const { service } = effect;
    if (effect.kind === "confirm") {
      const isCurrent = how === "good" && this.current.get(service)?.uid === effect.uid;
      const ownable = isCurrent && this.leaseLive && this.epoch === effect.epoch;
      if (ownable) this.owned.add(`${service} ${effect.uid} ${effect.epoch}`);
      const answer = how === "unsure" ? "unknown" : "not-current";
      const { uid, epoch } = effect;
      const word = isCurrent ? "current" : answer;
      this.send({ kind: "confirm-answered", service, uid, epoch, answer: word });
    } else if (effect.kind === "report") {
      const answer = how === "good" ? "accepted" : "unknown";
      this.send({ kind: "report-answered", service, sequence: effect.sequence, answer });
    } else this.answerInstance(effect, how);
  }

  private answerInstance(
    effect: Extract<Answerable, { readonly instanceId: string }>,
    how: string,
  ): void {
    const { service, instanceId } = effect;
    const copy = this.copies.get(instanceId);
    if (effect.kind === "abort-start") return; // the start answers
    if (effect.kind === "start") {
      if (copy === undefined) return;
      const late = !this.leaseLive || this.epoch !== effect.epoch;
      if (how === "good" && !copy.killAsked && !late) {
        copy.running = true;
        this.send({ kind: "started", service, instanceId });
        return;
      }
      const remains = how === "unsure" ? "unsure" : "nothing";
      if (remains === "nothing") this.copies.delete(instanceId);
      else copy.running = true;
      this.send({ kind: "start-failed", service, instanceId, detail: "x", remains });
    } else if (how === "good") {
      this.copies.delete(instanceId);
      this.send({ kind: "stopped", service, instanceId });
    } else this.send({ kind: "stop-failed", service, instanceId, detail: "x" });
  }

  run(command: Command): void {
    switch (command.kind) {
      case "wait":
        this.now += command.ms;
        this.send({ kind: "tick" });
        return;
      case "renew":
        this.expire();
        if (this.leaseLive) this.takeLease("lease-renewed");
        else if (this.leaseAllowed) this.grant();
        return;
      case "lose":
        if (this.epoch === 0) return;
        this.endLease();
        this.send({ kind: "lease-lost", epoch: epochOf(this.epoch), why: "test" });
        return;
      case "instruct":
        this.instruct(command);
        return;
      case "gone": {
        const service = services[command.service];
        assert(service !== undefined);
        this.current.delete(service);
        this.send({ kind: "gone", service });
        return;
      }
      case "answer": {
        const effect = this.pending[command.which % Math.max(this.pending.length, 1)];
        if (effect !== undefined) this.answer(effect, command.how);
        return;
      }
      default:
        this.disturb(command);
    }
  }

  private disturb(command: Extract<Command, { kind: "exit" | "sick" }>): void {
    const running = [...this.copies].filter(([, copy]) => copy.running);
    const [instanceId, copy] = running[command.which % Math.max(running.length, 1)] ?? [];
    if (instanceId === undefined || copy === undefined) return;
    const { service } = copy;
    if (command.kind === "sick") {
      const health = "unhealthy" as const;
      this.send({ kind: "health-changed", service, instanceId, health, detail: "x" });
    } else {
      this.copies.delete(instanceId);
      const isStop = (each: Answerable): boolean =>
        each.kind === "stop" && each.instanceId === instanceId;
      for (const each of this.pending.filter(isStop)) {
        this.pending.splice(this.pending.indexOf(each), 1);
      }
      this.send({ kind: "exited", service, instanceId, detail: "x" });
    }
  }

  private instruct(command: Extract<Command, { kind: "instruct" }>): void {
    const service = services[command.service];
    assert(service !== undefined && me.ok && other.ok);
    const before = this.current.get(service);
    this.uidCount += 1;
    const keepsUid = before !== undefined && command.newUid === 0 && command.state === before.state;
    const instruction: AgentInstruction = {
      service,
      uid: keepsUid ? before.uid : instructionUidOf(`u${this.uidCount}`),
      state: command.state,
      node: command.isMine === 0 ? other.value : me.value,
      nodeEpoch: epochOf(command.isOldEpoch === 0 ? Math.max(this.epoch - 1, 0) : this.epoch),
      stopTimeoutMs: undefined,
      survivesIsolation: command.survives === 0,
      restartCountMax: 1,
      restartDelayMs: 50,
      restartDelayMsMax: 100,
      restartResetAfterMs: 1_000,
      restartKey: command.restartKey,
      configurationKey: command.restartKey,
      configRevision: 1,
    };
    this.current.set(service, instruction);
    this.send({ kind: "instruction", instruction });
  }

  /** Faults stop: everything is answered well, the lease is renewed, and time goes on. */
  settle(): void {
    for (let turn = 0; turn < 400; turn += 1) {
      for (const effect of [...this.pending]) {
        if (this.pending.includes(effect)) this.answer(effect, "good");
      }
      this.run({ kind: "renew" });
      this.now += 50;
      this.send({ kind: "tick" });
    }
  }

  checkSettled(): void {
    assert(this.leaseLive, "L1: it has a lease again");
    for (const [service, instruction] of this.current) {
      if (instruction.node !== "node1" || instruction.nodeEpoch !== this.epoch) continue;
      const copies = [...this.copies.values()].filter((each) => each.service === service);
      const word = this.reports.get(service);
      if (instruction.state === "started") {
        const isFailed = word === `${instruction.uid} failed`;
        assert(isFailed || (copies.length === 1 && copies[0]?.running), `${service} runs`);
        assert(isFailed || word === `${instruction.uid} running`, `${service}: "${word}"`);
      } else if (["request_stop", "stopped", "migrate"].includes(instruction.state)) {
        assert.equal(copies.length, 0, `${service} has stopped`);
        assert.equal(word, `${instruction.uid} stopped`);
      }
    }
  }
}

function neverNode(): never {
  throw new Error("node1 is a node's name");
}

test("step() keeps S1-S3 under random histories, and settles when faults stop", (t) => {
  const seed = Number(process.env["HOLDFAST_SEED"] ?? Date.now() % 2 ** 31);
  const numRuns = Number(process.env["HOLDFAST_RUNS"] ?? 600);
  t.diagnostic(`HOLDFAST_SEED=${seed} HOLDFAST_RUNS=${numRuns}`);
  let startCount = 0;
  fc.assert(
    fc.property(
      fc.array(commandArbitrary, { minLength: 60, maxLength: 200, size: "max" }),
      (commands) => {
        const simulation = new Simulation();
        simulation.send({ kind: "tick" });
        simulation.grant();
        for (const command of commands) simulation.run(command);
        simulation.settle();
        simulation.checkSettled();
        startCount += simulation.startCount;
      },
    ),
    { seed, numRuns },
  );
  t.diagnostic(`${startCount} starts`);
  assert.ok(startCount > numRuns, "the histories start things");
});
