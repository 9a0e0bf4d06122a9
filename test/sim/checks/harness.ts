/** A world that only a test moves, to show the safety checks one thing at a time. */
import { type AgentState, createAgentState } from "../../../src/core/agent/state.ts";
import {
  type Epoch,
  epochOf,
  type InstructionUid,
  instructionUidOf,
  type NodeId,
  parseNodeId,
  parseServiceId,
  type ServiceId,
} from "../../../src/core/ids.ts";
import type { JsonValue, Operation, StoreChange, Txn } from "../../../src/ports/store.ts";
import { createSafetyChecks, type SafetyChecks } from "../../../src/sim/checks/safety.ts";
import type { FleetPlan } from "../../../src/sim/fleet-plan.ts";
import { randomPlan } from "../../../src/sim/fuzz/plan.ts";
import type { Copy } from "../../../src/sim/node/copies.ts";
import type { Plan } from "../../../src/sim/plan.ts";
import { settingsSchema } from "../../../src/wire/settings.ts";

export function node(name: string): NodeId {
  const parsed = parseNodeId(name);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export function service(name: string): ServiceId {
  const parsed = parseServiceId(name);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

export const uid = (text: string): InstructionUid => instructionUidOf(text);
export const epoch = (value: number): Epoch => epochOf(value);

/** A plan with three nodes and no actions, for its times. */
function quietPlan(): Plan {
  const plan = randomPlan(1, { nodes: 3, services: 1, minutes: 1, fleet: "no" });
  return { ...plan, settings: settingsSchema.parse({}), actions: [] };
}

export class CheckedScene {
  nowMs = 0;
  readonly copies = new Map<string, Copy>();
  readonly agents = new Map<NodeId, AgentState>();
  readonly checks: SafetyChecks;
  #revision = 0;
  readonly #stored = new Map<string, { value: JsonValue; createRevision: number }>();

  /** `fleet`: what the plan begins with; with none its rules are not looked at. */
  constructor(fleet?: FleetPlan) {
    const scene = this;
    this.checks = createSafetyChecks({ ...quietPlan(), ...(fleet === undefined ? {} : { fleet }) });
    this.checks.attach({
      get nowMs() {
        return scene.nowMs;
      },
      copies: this.copies,
      managers: () => [],
      agentState: (id) => this.agents.get(id),
    });
    for (const name of ["n1", "n2", "n3"]) {
      this.agents.set(node(name), createAgentState({ node: node(name), instancePrefix: name }));
    }
    this.put("manager", { version: 1, serverId: "n1", electedAtMs: 0 });
  }

  /** Rules that were broken so far, each with its sentence. */
  get broken(): readonly string[] {
    return this.checks.violations.map(({ rule, sentence }) => `${rule} ${sentence}`);
  }

  /** The first broken rule. */
  get rule(): string | undefined {
    return this.checks.violations[0]?.rule;
  }

  /** What every write of the present manager compares. */
  get election(): Txn["compare"][number] {
    const revision = this.#stored.get("manager")?.createRevision ?? 0;
    return { kind: "created-at", key: "manager", revision };
  }

  put(key: string, value: JsonValue): void {
    this.commit([{ kind: "put", key, value }]);
  }

  /** A transaction that succeeds. */
  commit(then: readonly Operation[], compare: Txn["compare"] = []): void {
    this.#commit(then, { compare, then });
  }

  /** One of a manager, which names its election. */
  manage(then: readonly Operation[], compare: Txn["compare"] = []): void {
    this.commit(then, [this.election, ...compare]);
  }

  /** A lease of the store ends, and the key with it. */
  end(key: string): void {
    this.#commit([{ kind: "delete", key }], undefined);
  }

  grant(name: string, value: number, more: object = {}): void {
    const record = { version: 1, epoch: value, leaseId: `${name}-${value}`, incarnation: "test" };
    this.commit(
      [
        { kind: "put", key: `epochs/${name}`, value: { version: 1, epoch: value } },
        { kind: "put", key: `leases/${name}`, value: { ...record, ...more } },
      ],
      [{ kind: "absent", key: `leases/${name}` }],
    );
  }

  copy(copy: Omit<Copy, "tracked"> & { readonly tracked?: boolean }): void {
    this.copies.set(copy.instanceId, { tracked: true, ...copy });
    this.checks.observer.onCopy(copy);
  }

  gone(instanceId: string): void {
    const copy = this.copies.get(instanceId);
    if (copy === undefined) return;
    this.copies.delete(instanceId);
    this.checks.observer.onCopy({ ...copy, state: "gone" });
  }

  #commit(operations: readonly Operation[], txn: Txn | undefined): void {
    this.#revision += 1;
    const revision = this.#revision;
    const changes = operations.map((operation): StoreChange => {
      const { key } = operation;
      const before = this.#stored.get(key);
      if (operation.kind === "delete") {
        this.#stored.delete(key);
        return { kind: "delete", key, previous: before?.value ?? null };
      }
      const createRevision = before?.createRevision ?? revision;
      const { value } = operation;
      this.#stored.set(key, { value, createRevision });
      const entry = { key, value, createRevision, modRevision: revision, leaseId: undefined };
      return { kind: "put", entry };
    });
    this.checks.observer.onCommit({ revision, changes, txn });
  }
}

/** A status as a manager of the first election writes it. */
export function status(
  id: string,
  fields: { readonly state: string; readonly node: string; readonly nodeEpoch: number } & Readonly<
    Record<string, JsonValue>
  >,
): Operation {
  const value = {
    version: 1,
    service: id,
    uid: "1.1-1",
    failedNodes: [],
    sinceMs: 0,
    reason: { code: "placed" },
    ...fields,
  };
  return { kind: "put", key: `statuses/${id}`, value };
}

/** An agent's stored word. */
export function report(
  id: string,
  fields: {
    readonly node: string;
    readonly epoch: number;
    readonly uid: string;
    readonly result: string;
  },
): Operation {
  const value = { version: 1, service: id, detail: "", health: "none", atMs: 0, ...fields };
  return { kind: "put", key: `reports/${id}`, value };
}

/** A service's stored configuration. */
export function configuration(id: string, fields: Readonly<Record<string, JsonValue>>): Operation {
  const config = { id, state: "started", ...fields };
  const value = { version: 1, config, removing: false, addedAtMs: 0 };
  return { kind: "put", key: `services/${id}`, value };
}
