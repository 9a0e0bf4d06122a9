/** What each step does, and when it is done. */
import { silenceTtlMs } from "./dark.ts";
import type { ServerFact, UpgradeFacts, UpgradeWrite } from "./facts.ts";
import type { StepKind } from "./model.ts";
import {
  agentOrderOf,
  byAct,
  followOrder,
  labelOf,
  orderOf,
  type StepContext,
  type Verdict,
} from "./verdict.ts";

/** A step that is not done after so long has failed: what is wrong is then for a person to see. */
export const limitsMs: Readonly<Record<StepKind, number>> = {
  check: 120_000,
  freeze: 60_000,
  settle: 1_800_000,
  backup: 1_800_000,
  prepare: 1_800_000,
  announce: 180_000,
  switch: 600_000,
  migrate: 3_600_000,
  release: 300_000,
  agents: 86_400_000,
};
/** Transients that are named at a time. */
const namedMax = 5;

/**
 * How long a step may take, forth or back. The only server of a store migrates it as it starts, and its launcher watches
 * over that; nobody else can look.
 */
export function limitMsOf(kind: StepKind, { servers }: Pick<UpgradeFacts, "servers">): number {
  const isWatched = kind === "switch" && servers.length === 1;
  return limitsMs[kind] + (isWatched ? limitsMs.migrate : 0);
}

/** Judges the step. */
export function doStep(context: StepContext): Verdict {
  const { step, ageMs, facts } = context;
  const verdict = judge(context);
  const isOver = verdict.kind === "wait" && ageMs >= limitMsOf(step.kind, facts);
  return isOver ? { kind: "failed", detail: `it takes too long: ${verdict.detail}` } : verdict;
}

function judge(context: StepContext): Verdict {
  const { step } = context;
  switch (step.kind) {
    case "check":
      return byAct(context, "check", "everything is looked at");
    case "freeze":
      return freeze(context);
    case "settle":
      return settle(context);
    case "backup":
      return byAct(context, "backup", "a backup is made");
    case "prepare":
      return prepare(context);
    case "announce":
      return announce(context);
    case "switch":
      return switchServer(context);
    case "migrate":
      return migrate(context);
    case "release":
      return release(context);
    case "agents":
      return agents(context);
  }
}

function freeze({ upgrade, facts }: StepContext): Verdict {
  const { frozenBy } = facts;
  if (frozenBy === upgrade.id) return { kind: "done", detail: "the cluster is frozen" };
  if (frozenBy !== undefined) {
    return { kind: "failed", detail: `the cluster is frozen already, by ${frozenBy}` };
  }
  return { kind: "wait", detail: "the cluster is being frozen", writes: [{ kind: "freeze" }] };
}

function settle({ facts }: StepContext): Verdict {
  const { transients } = facts;
  if (transients.length === 0) return { kind: "done", detail: "nothing is under way" };
  return { kind: "wait", detail: `waits for: ${listOf(transients)}` };
}

function listOf(words: readonly string[]): string {
  const more = words.length > namedMax ? `, and ${words.length - namedMax} more` : "";
  return `${words.slice(0, namedMax).join("; ")}${more}`;
}

function prepare({ upgrade, facts }: StepContext): Verdict {
  const writes: UpgradeWrite[] = [];
  const waits: string[] = [];
  for (const server of facts.servers) {
    const order = orderOf(upgrade, "prepare", server);
    const verdict = followOrder(server, order);
    if (verdict.kind === "failed") return verdict;
    if (verdict.kind === "tell") writes.push({ kind: "order-server", server: server.id, order });
    if (verdict.kind === "wait") waits.push(verdict.detail);
  }
  if (writes.length > 0) return { kind: "wait", detail: "the servers are told", writes };
  if (waits.length > 0) return { kind: "wait", detail: waits.slice(0, namedMax).join("; ") };
  return { kind: "done", detail: `every server has holdfast ${upgrade.to.version}` };
}

function announce({ facts }: StepContext): Verdict {
  const { leaseTtlMsMin } = facts;
  if (leaseTtlMsMin === undefined || leaseTtlMsMin >= silenceTtlMs) {
    return { kind: "done", detail: `every agent has a lease of ${silenceTtlMs / 1_000} s` };
  }
  const writes: readonly UpgradeWrite[] = [{ kind: "announce-silence", ttlMs: silenceTtlMs }];
  return { kind: "wait", detail: "the agents take longer leases", writes };
}

function switchServer(context: StepContext): Verdict {
  const { upgrade, step, facts } = context;
  const server = facts.servers.find(({ id }) => id === step.server);
  if (server === undefined) return { kind: "done", detail: "the server was removed" };
  const order = orderOf(upgrade, "switch", server);
  const verdict = followOrder(server, order);
  switch (verdict.kind) {
    case "failed":
      return verdict;
    case "wait":
      return verdict;
    case "there":
      return isBack(context, server);
    case "tell": {
      const missing = missingFor(context, server);
      if (missing !== undefined) return { kind: "wait", detail: missing };
      const writes = [{ kind: "order-server", server: server.id, order }] as const;
      return { kind: "wait", detail: `server ${labelOf(server)} is told`, writes };
    }
  }
}

/** It says so itself; the others must see it, too. */
function isBack({ upgrade }: StepContext, server: ServerFact): Verdict {
  const { version, isAlive, isReady } = server;
  const label = `server ${labelOf(server)}`;
  if (version !== upgrade.to.version) {
    return { kind: "wait", detail: `${label} has not registered as ${upgrade.to.version} yet` };
  }
  if (!isAlive) return { kind: "wait", detail: `${label} is not heard of` };
  if (!isReady && upgrade.strategy === "rolling") {
    return { kind: "wait", detail: `${label} is not ready yet` };
  }
  return { kind: "done", detail: `${label} runs holdfast ${version}` };
}

/**
 * One is away at a time: the others have to do its work. What has begun since the cluster settled, a failover for one, ends
 * before the first server stops. Of those that wait for a schema nobody asks more than life. */
function missingFor({ upgrade, facts }: StepContext, server: ServerFact): string | undefined {
  const isFirst = !upgrade.steps.some(({ kind, state }) => kind === "switch" && state === "done");
  if (upgrade.strategy === "stop-all" && isFirst && facts.transients.length > 0) {
    return `waits for: ${listOf(facts.transients)}`;
  }
  const isMissing = (other: ServerFact): boolean => {
    // One of the version that the store is not for waits, and can do no more.
    const { version } = other;
    const schema = version === upgrade.to.version ? upgrade.schema.to : upgrade.schema.from;
    const mayWait = upgrade.strategy === "stop-all" && facts.schema !== schema;
    return !other.isAlive || (!other.isReady && !mayWait);
  };
  const missing = facts.servers.find((other) => other.id !== server.id && isMissing(other));
  return missing === undefined ? undefined : `server ${labelOf(missing)} is to be ready first`;
}

function migrate(context: StepContext): Verdict {
  const { upgrade, facts } = context;
  const { to } = upgrade.schema;
  const verdict = byAct(context, "migrate", `the store is brought to schema ${to}`);
  if (facts.schema === to) {
    const detail = verdict.kind === "done" ? verdict.detail : `the store has schema ${to}`;
    return { kind: "done", detail };
  }
  if (upgrade.strategy === "stop-all" && facts.frozenBy !== upgrade.id) {
    return { kind: "failed", detail: "the cluster is not frozen any more; abort, and begin again" };
  }
  if (verdict.kind !== "done") return verdict;
  // A server of another version has done it, for which there was nothing to do.
  return { kind: "failed", detail: `the store does not have schema ${to}: ${verdict.detail}` };
}

function release({ upgrade, facts }: StepContext): Verdict {
  const missing = facts.servers.find(({ isAlive, isReady }) => !isAlive || !isReady);
  if (missing !== undefined) {
    return { kind: "wait", detail: `server ${labelOf(missing)} is not ready yet` };
  }
  const { frozenBy, isSilent } = facts;
  const isOurs = frozenBy === upgrade.id;
  // Also where somebody has ended the freeze meanwhile: nobody else shortens the leases again.
  if (isSilent || isOurs) {
    const writes: readonly UpgradeWrite[] = [
      { kind: "end-silence" },
      ...(isOurs ? [{ kind: "unfreeze" } as const] : []),
    ];
    return { kind: "wait", detail: "the usual leases come back, and changes are let in", writes };
  }
  if (frozenBy === undefined) return { kind: "done", detail: "changes are let in again" };
  return { kind: "done", detail: `the cluster stays frozen, by ${frozenBy}` };
}

function agents(context: StepContext): Verdict {
  return followAgents(context, context.upgrade.to.version);
}

/**
 * One member of each HA group at a time, as a management policy does it. With the first one that fails no other one begins:
 * a bad version is not tried on all of them.
 */
export function followAgents({ upgrade, facts }: StepContext, version: string): Verdict {
  const { total, there, failed, waits, later, underWay, isHeld } = facts.agents;
  const order = agentOrderOf(upgrade, version);
  if (facts.agents.order !== order) {
    const writes = [{ kind: "upgrade-agents", version, order }] as const;
    return { kind: "wait", detail: "the agents are told", writes };
  }
  if (failed.length > 0) {
    const detail = `agents: ${listOf(failed)}`;
    if (!isHeld) return { kind: "wait", detail, writes: [{ kind: "hold-agents" }] };
    if (underWay === 0) return { kind: "failed", detail };
    return { kind: "wait", detail: `${detail}; ${underWay} others are still at it` };
  }
  if (there < total && isHeld) {
    const detail = "somebody has switched their policy off; resume the upgrade to go on";
    return { kind: "wait", detail: `${there} of ${total} agents are there; ${detail}` };
  }
  if (there < total) {
    const more = waits.length === 0 ? "" : `; ${listOf(waits)}`;
    return { kind: "wait", detail: `${there} of ${total} agents are there${more}` };
  }
  const more = later.length === 0 ? "" : `; these follow later: ${listOf(later)}`;
  return { kind: "done", detail: `${total} agents run holdfast ${version}${more}` };
}
