/** A control plane in small for the upgrade's machine: servers that follow orders, late, and sometimes not at all. */
import type {
  ActResult,
  ServerFact,
  UpgradeAct,
  UpgradeFacts,
  UpgradeWrite,
} from "../../../src/core/upgrade/facts.ts";
import type { ControlPlaneUpgrade, UpgradeStrategy } from "../../../src/core/upgrade/model.ts";
import { newUpgrade } from "../../../src/core/upgrade/plan.ts";
import { stepUpgrade } from "../../../src/core/upgrade/step.ts";

type Server = { -readonly [Field in keyof ServerFact]: ServerFact[Field] };

export interface WorldOptions {
  readonly strategy: UpgradeStrategy;
  readonly serverCount: number;
  /** A number from 0 to below 1. */
  readonly random: () => number;
  /** Orders that fail: a part of their id. */
  readonly failing?: string;
  /** Acts that fail once; a migration does so half-way. */
  readonly failingActs?: readonly UpgradeAct[];
  /** Whether the new version has another schema; default: with stop-all. */
  readonly migrating?: boolean;
}

const version = { old: "0.1.0", new: "0.2.0" } as const;

/** All that the machine sees and does. */
export class UpgradeWorld {
  readonly servers: Server[];
  readonly #options: WorldOptions;
  readonly #log: string[] = [];
  upgrade: ControlPlaneUpgrade;
  nowMs = 1_000;
  schema = 1;
  /** Some entries are of the new schema already, and what they were is kept. */
  isHalfMigrated = false;
  frozenBy: string | undefined;
  leaseTtlMs = 6_000;
  #act: ActResult | undefined;
  #failedActs = new Set<UpgradeAct>();
  #agents = {
    order: undefined as string | undefined,
    version: undefined as string | undefined,
    current: version.old as string,
  };
  /** The first agent that tries the new version fails, once or always. */
  agentsFail: "never" | "once" | "always" = "never";
  #failedAgents: string[] = [];
  #isHeld = false;
  /** Agents that have begun with the new version. */
  triedCount = 0;
  /** Why the data of before cannot come back. */
  conflict: string | undefined;
  isSilent = false;
  /** Whoever is to migrate finds nothing to do. */
  isMigratedByNobody = false;
  /** Id of a server whose machine is gone. */
  lost: string | undefined;
  /** The most servers that were away at a time. */
  awayMax = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.servers = Array.from({ length: options.serverCount }, (_, index) => ({
      ...{ id: String(index + 1), name: `s${index + 1}`, version: version.old },
      ...{ isAlive: true, isReady: true, isManager: index === 0 },
      ...{ order: undefined, report: undefined },
    }));
    const isMigrating = options.migrating ?? options.strategy === "stop-all";
    this.upgrade = newUpgrade(
      {
        ...{ id: "u1", by: "test", strategy: options.strategy, from: version.old },
        to: { version: version.new, sha256: "0".repeat(64) },
        schema: { from: 1, to: isMigrating ? 2 : 1 },
        ...{ pauseAfter: [], startedAtMs: this.nowMs },
      },
      this.servers.map(({ id }) => id),
    );
  }

  get agentVersion(): string {
    return this.#agents.current;
  }

  /** The steps in the order in which they were begun. */
  get log(): readonly string[] {
    return this.#log;
  }

  facts(): UpgradeFacts {
    const { order, version: wanted, current } = this.#agents;
    const there = wanted === current ? 5 : 3;
    return {
      // Of those that wait nobody knows more than that they live.
      servers: this.servers.map((each) =>
        this.isDark ? { ...each, isReady: each.isAlive } : each,
      ),
      schema: this.isHalfMigrated && this.#options.strategy === "stop-all" ? 0 : this.schema,
      frozenBy: this.frozenBy,
      transients: this.#options.random() < 0.5 ? ["process:api is migrating, for 2 s"] : [],
      leaseTtlMsMin: this.leaseTtlMs,
      isSilent: this.isSilent,
      isDark: this.isDark,
      agents: {
        ...{ order, isHeld: this.#isHeld, total: 5, there, underWay: 0 },
        ...{ failed: this.#failedAgents, waits: [], later: [] },
      },
      act: this.#act,
    };
  }

  /** No server serves: all of them wait for another schema. */
  get isDark(): boolean {
    return this.#options.strategy === "stop-all" && !this.servers.some(({ isReady }) => isReady);
  }

  /** One turn of the machine, and one of the world. */
  turn(): void {
    const decision = stepUpgrade(this.upgrade, this.facts(), this.nowMs);
    if (decision.upgrade.steps !== this.upgrade.steps) {
      this.#note(decision.upgrade);
      this.#act = undefined;
    }
    this.upgrade = decision.upgrade;
    for (const write of decision.writes) this.#write(write);
    if (decision.act !== undefined) this.#do(decision.act.kind, decision.act.step);
    this.nowMs += 1_000;
    this.#live();
  }

  /** Until it needs a person, or is over. */
  run(turnsMax = 2_000): void {
    for (let turn = 0; turn < turnsMax; turn += 1) {
      const { state } = this.upgrade;
      if (state !== "running" && state !== "aborting") return;
      this.turn();
    }
    throw new Error(`it does not end: ${JSON.stringify(this.upgrade)}`);
  }

  #note(next: ControlPlaneUpgrade): void {
    for (const step of next.steps) {
      const before = this.upgrade.steps.find(({ name }) => name === step.name);
      if (before?.state !== step.state) this.#log.push(`${step.name}: ${step.state}`);
    }
  }

  #write(write: UpgradeWrite): void {
    switch (write.kind) {
      case "order-server":
        this.#server(write.server).order = write.order;
        return;
      case "forget-order":
        this.#server(write.server).order = undefined;
        return;
      case "freeze":
        this.frozenBy = this.upgrade.id;
        return;
      case "unfreeze":
        this.frozenBy = undefined;
        return;
      case "announce-silence":
        this.leaseTtlMs = write.ttlMs;
        this.isSilent = true;
        return;
      case "end-silence":
        this.leaseTtlMs = 6_000;
        this.isSilent = false;
        return;
      case "upgrade-agents":
        this.#agents = { ...this.#agents, order: write.order, version: write.version };
        this.#isHeld = false;
        this.#failedAgents = [];
        return;
      case "hold-agents":
        this.#isHeld = true;
        return;
      case "leave-agents":
        this.#agents = { ...this.#agents, order: undefined, version: undefined };
        return;
    }
  }

  #do(kind: UpgradeAct, name: string): void {
    const { failingActs = [] } = this.#options;
    const fails = failingActs.includes(kind) && !this.#failedActs.has(kind);
    if (fails) this.#failedActs.add(kind);
    else if (kind === "migrate" && this.isMigratedByNobody) this.schema = this.upgrade.schema.from;
    else if (kind === "migrate") this.schema = this.upgrade.schema.to;
    else if (kind === "restore") this.schema = this.upgrade.schema.from;
    if (kind === "migrate" || kind === "restore") this.isHalfMigrated = fails;
    if (this.conflict !== undefined && (kind === "restore" || kind === "check-back")) {
      this.schema = this.upgrade.schema.to;
      this.#act = { name, outcome: "refused", detail: this.conflict };
      return;
    }
    const outcome = fails ? "failed" : "done";
    const backup = { server: "1", file: "/backup", sha256: "0".repeat(64) };
    this.#act = { name, outcome, detail: kind, ...(kind === "backup" ? { backup } : {}) };
  }

  /** Each server gets on with its order, or does not yet. */
  #live(): void {
    for (const server of this.servers) {
      const { order, report } = server;
      if (server.id === this.lost) continue;
      const wantsSchema = server.version === version.new ? this.upgrade.schema.to : 1;
      const isTheirs = wantsSchema === this.schema && !this.isHalfMigrated;
      const isServed = this.#options.strategy === "rolling" || isTheirs;
      if (server.isAlive) server.isReady = isServed;
      if (order === undefined || this.#options.random() < 0.5) continue;
      const isNew = report?.id !== order.id;
      const { id } = order;
      const said = (state: NonNullable<Server["report"]>["state"]) => ({
        id,
        state,
        detail: state,
      });
      if (isNew && this.#options.failing !== undefined && id.includes(this.#options.failing)) {
        server.report = said("failed");
      } else if (order.order === "prepare") server.report = said("prepared");
      else if (isNew) this.#leave(server, said("switched"));
      else if (report.state === "switched") {
        server.version = order.package.version;
        server.isAlive = true;
        server.report = said("healthy");
      }
    }
    this.#watchOver();
    const away = this.servers.filter(({ isAlive }) => !isAlive).length;
    this.awayMax = Math.max(this.awayMax, away);
    if (this.#agents.version !== undefined && !this.#isHeld && this.#options.random() < 0.3) {
      this.#tryAgents(this.#agents.version);
    }
  }

  #tryAgents(wanted: string): void {
    this.triedCount += 1;
    if (wanted === version.old || this.agentsFail === "never") {
      this.#agents.current = wanted;
      return;
    }
    this.#failedAgents = ["n1: it does not become healthy"];
    if (this.agentsFail === "once") this.agentsFail = "never";
  }

  /** Agents are never without servers unawares. */
  #watchOver(): void {
    if (this.servers.some(({ isReady }) => isReady)) return;
    if (this.leaseTtlMs < 600_000) throw new Error("agents were not told of the silence");
  }

  #leave(server: Server, report: Server["report"]): void {
    server.isAlive = false;
    server.isReady = false;
    server.report = report;
    if (!server.isManager) return;
    const next = this.servers.find(({ isAlive }) => isAlive) ?? server;
    server.isManager = false;
    next.isManager = true;
  }

  #server(id: string): Server {
    const server = this.servers.find((each) => each.id === id);
    if (server === undefined) throw new Error(`there is no server ${id}`);
    return server;
  }
}
