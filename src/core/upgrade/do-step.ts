/** What each step does, and when it is done. */
import type { ServerFact, UpgradeWrite } from "./facts.ts";
import type { StepKind } from "./model.ts";
import { byAct, followOrder, labelOf, orderOf, type StepContext, type Verdict } from "./verdict.ts";

/**
 * Life of agents' leases while nobody answers them: longer than servers may take to change and the schema to migrate, so
 * that no node stops its services meanwhile.
 */
export const silenceTtlMs = 600_000;
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

/** Judges the step. */
export function doStep(context: StepContext): Verdict {
  const { step, ageMs } = context;
  const verdict = judge(context);
  const isOver = verdict.kind === "wait" && ageMs >= limitsMs[step.kind];
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
  const more = transients.length > namedMax ? `, and ${transients.length - namedMax} more` : "";
  return { kind: "wait", detail: `waits for: ${transients.slice(0, namedMax).join("; ")}${more}` };
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
    return { kind: "done", detail: `every agent may be without us for ${silenceTtlMs / 1_000} s` };
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

/** One is away at a time: the others have to do its work. Of those that wait for a schema nobody asks more than life. */
function missingFor({ upgrade, facts }: StepContext, server: ServerFact): string | undefined {
  const isMissing = (other: ServerFact): boolean => {
    const mayWait = upgrade.strategy === "stop-all" && other.version === upgrade.to.version;
    return !other.isAlive || (!other.isReady && !mayWait);
  };
  const missing = facts.servers.find((other) => other.id !== server.id && isMissing(other));
  return missing === undefined ? undefined : `server ${labelOf(missing)} is to be ready first`;
}

function migrate(context: StepContext): Verdict {
  const { upgrade, facts } = context;
  const { to } = upgrade.schema;
  if (upgrade.strategy === "stop-all" && facts.frozenBy !== upgrade.id) {
    return { kind: "failed", detail: "the cluster is not frozen any more; abort, and begin again" };
  }
  if (facts.schema === to) return { kind: "done", detail: `the store has schema ${to}` };
  return byAct(context, "migrate", `the store is brought to schema ${to}`);
}

function release({ upgrade, facts }: StepContext): Verdict {
  const missing = facts.servers.find(({ isAlive, isReady }) => !isAlive || !isReady);
  if (missing !== undefined) {
    return { kind: "wait", detail: `server ${labelOf(missing)} is not ready yet` };
  }
  if (facts.frozenBy !== upgrade.id) return { kind: "done", detail: "changes are let in again" };
  const writes = [{ kind: "end-silence" }, { kind: "unfreeze" }] as const;
  return { kind: "wait", detail: "changes are let in again", writes };
}

function agents({ upgrade, facts }: StepContext): Verdict {
  return followAgents(facts, upgrade.to.version);
}

/** One member of each HA group at a time, as a management policy does it. */
export function followAgents({ agents: known }: StepContext["facts"], version: string): Verdict {
  const { total, there, failed } = known;
  if (known.version !== version) {
    const writes = [{ kind: "upgrade-agents", version }] as const;
    return { kind: "wait", detail: "the agents are told", writes };
  }
  if (failed.length > 0 && there + failed.length === total) {
    return { kind: "failed", detail: `agents: ${failed.slice(0, namedMax).join("; ")}` };
  }
  if (there < total) return { kind: "wait", detail: `${there} of ${total} agents are there` };
  return { kind: "done", detail: `${total} agents run holdfast ${version}` };
}
