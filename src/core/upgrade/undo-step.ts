/** The way back of each step. */

import { silenceTtlMs } from "./dark.ts";
import { followAgents, limitMsOf } from "./do-step.ts";
import type { ServerFact, UpgradeWrite } from "./facts.ts";
import {
  agentOrderOf,
  byAct,
  followOrder,
  labelOf,
  orderOf,
  type StepContext,
  type Verdict,
} from "./verdict.ts";

/** Judges how far the step is taken back; `done`: nothing is left of it. */
export function undoStep(context: StepContext): Verdict {
  const { step, ageMs, facts } = context;
  const verdict = judge(context);
  const isOver = verdict.kind === "wait" && ageMs >= limitMsOf(step.kind, facts);
  return isOver ? { kind: "failed", detail: `it takes too long: ${verdict.detail}` } : verdict;
}

function judge(context: StepContext): Verdict {
  const { upgrade, step, facts } = context;
  switch (step.kind) {
    case "agents":
      return agentsBack(context);
    case "release":
      return freezeAgain(context);
    case "migrate":
      return restore(context);
    case "switch":
      return switchBack(context);
    case "announce":
      return { kind: "done", detail: "", writes: [{ kind: "end-silence" }] };
    case "prepare": {
      const writes = facts.servers.map(
        ({ id }): UpgradeWrite => ({ kind: "forget-order", server: id }),
      );
      return { kind: "done", detail: "the packages stay where they are", writes };
    }
    case "backup":
      return { kind: "done", detail: "the backup is kept" };
    case "freeze": {
      const isOurs = facts.frozenBy === upgrade.id;
      return { kind: "done", detail: "", writes: isOurs ? [{ kind: "unfreeze" }] : [] };
    }
    case "check":
    case "settle":
      return { kind: "done", detail: "" };
  }
}

/**
 * Why the data of before cannot come back, asked while servers serve that could go on instead; undefined: they can, or
 * are not to. What comes in between is found when they are to come.
 */
function whyNoWayBack(context: StepContext): Verdict | undefined {
  const { upgrade, facts } = context;
  const { from, to } = upgrade.schema;
  const isRestored = upgrade.strategy === "stop-all" && from !== to && facts.schema === to;
  if (!isRestored || facts.isDark) return undefined;
  const verdict = byAct(context, "check-back", "is there a way back to the data of before?");
  return verdict.kind === "done" ? undefined : verdict;
}

/** The policy that brought them back must not stand in the way of others. */
function agentsBack(context: StepContext): Verdict {
  const { upgrade, facts } = context;
  const isTold = facts.agents.order === agentOrderOf(upgrade, upgrade.from);
  const closed = isTold ? undefined : whyNoWayBack(context);
  if (closed !== undefined) return closed;
  const verdict = followAgents(context, upgrade.from);
  // Those that are away follow it when they are back.
  if (verdict.kind !== "done" || facts.agents.later.length > 0) return verdict;
  return { ...verdict, writes: [{ kind: "leave-agents" }] };
}

/** The data of before come back: nobody may change what would be lost, and agents are without servers once more. */
function freezeAgain(context: StepContext): Verdict {
  const { upgrade, facts } = context;
  const { frozenBy, leaseTtlMsMin } = facts;
  const isAnnounced = upgrade.steps.some(({ kind }) => kind === "announce");
  if (upgrade.strategy === "stop-all" && upgrade.schema.from !== upgrade.schema.to) {
    if (frozenBy === undefined) {
      const closed = whyNoWayBack(context);
      if (closed !== undefined) return closed;
      return { kind: "wait", detail: "the cluster is being frozen", writes: [{ kind: "freeze" }] };
    }
    if (frozenBy !== upgrade.id) {
      return { kind: "failed", detail: `the cluster is frozen by ${frozenBy}; unfreeze it first` };
    }
  }
  if (!isAnnounced) return { kind: "done", detail: "" };
  if (leaseTtlMsMin === undefined || leaseTtlMsMin >= silenceTtlMs) {
    return { kind: "done", detail: "as before the release" };
  }
  const writes: readonly UpgradeWrite[] = [{ kind: "announce-silence", ttlMs: silenceTtlMs }];
  return { kind: "wait", detail: "the agents take longer leases", writes };
}

/** A migration that no server waits for leaves the store its schema until its very end: only the act finds what was begun. */
function restore(context: StepContext): Verdict {
  return byAct(context, "restore", "the data of before the migration come back");
}

/** A new version says within a few seconds that it is healthy. */
const trialMsMax = 20_000;

function isOnTrial({ order, report }: ServerFact): boolean {
  return order !== undefined && report?.id === order.id && report.state === "switched";
}

function switchBack(context: StepContext): Verdict {
  const { upgrade, step, facts, ageMs } = context;
  const server = facts.servers.find(({ id }) => id === step.server);
  if (server === undefined) return { kind: "done", detail: "the server was removed" };
  const label = `server ${labelOf(server)}`;
  const order = orderOf(upgrade, "back", server);
  const verdict = followOrder(server, order);
  switch (verdict.kind) {
    case "failed":
    case "wait":
      return verdict;
    case "tell": {
      // What is on trial must know what it was told for, or its launcher waits in vain for it to be healthy.
      if (isOnTrial(server) && ageMs < trialMsMax) {
        return { kind: "wait", detail: `${label} is just becoming the new version` };
      }
      const away = facts.servers.find(({ id, isAlive }) => id !== server.id && !isAlive);
      if (away !== undefined && !facts.isDark) {
        return { kind: "wait", detail: `server ${labelOf(away)} is to be back first` };
      }
      const closed = whyNoWayBack(context);
      if (closed !== undefined) return closed;
      const writes = [{ kind: "order-server", server: server.id, order }] as const;
      return { kind: "wait", detail: `${label} is told to go back`, writes };
    }
    case "there":
      return server.version === upgrade.from && server.isAlive
        ? { kind: "done", detail: `${label} runs holdfast ${upgrade.from} again` }
        : { kind: "wait", detail: `${label} is not back yet` };
  }
}
