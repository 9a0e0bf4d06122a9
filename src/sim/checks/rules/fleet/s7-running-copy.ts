/**
 * S7, a running copy throughout: a healthy instance is taken down for an upgrade only while another member of its HA group
 * has a healthy one, or no other member that is online has one that ever was; an upgrade counts as done only after
 * health for as long as was asked; and when an agent stops a running copy for an upgrade, another member's copy runs in
 * truth, unless a fault took it.
 */
import { nodeOfInstance, type ServiceId } from "../../../../core/ids.ts";
import { serviceIdIn } from "../../../../runtime/manager-records.ts";
import type { InstanceRecord } from "../../../../wire/fleet/instances.ts";
import { keys } from "../../../../wire/records.ts";
import { readInstance } from "../../../store/fleet-records.ts";
import { readService } from "../../../store/records.ts";
import type { Check, CheckContext } from "../../check.ts";
import type { CarriedOut } from "../../view.ts";
import { toleranceMsOf } from "../recent.ts";
import type { FleetFacts } from "./fleet-facts.ts";

/** Of the time of health that is asked, so much must be seen in the store: managers' clocks differ a little. */
const healthShare = 0.9;

/** Looks at what managers decide, and at what agents do of it. */
export function createRunningCopyCheck(context: CheckContext, facts: FleetFacts): Check {
  const { view, ledger, accuse } = context;
  const toleranceMs = toleranceMsOf(view.plan.pace);
  /** Epoch of the node's lease when its agent stopped the copy that ran there, to start it anew. */
  const stoppedUnder = new Map<ServiceId, number>();

  /** The others of its group that have an instance of the same deployment; undefined: that it is in one may be news. */
  function othersOf(instance: InstanceRecord): readonly InstanceRecord[] | undefined {
    const member = facts.members.get(instance.node);
    if (member === undefined || view.nowMs - member.sinceMs <= toleranceMs) return undefined;
    if (!facts.groups.has(member.value) || !facts.isOrdered(instance.deployment)) return undefined;
    const changedAtMs = facts.orderChangedAtMs.get(instance.deployment);
    if (changedAtMs !== undefined && view.nowMs - changedAtMs <= toleranceMs) return undefined;
    // Who has just left may still be counted on.
    const left = [...facts.leftAtMs].flatMap(([node, atMs]) =>
      view.nowMs - atMs <= toleranceMs ? [node] : [],
    );
    const members = new Set([...facts.membersOf(member.value, view.nowMs), ...left]);
    return [...members].flatMap((node) => {
      const other = facts.instanceOn(instance.deployment, node);
      return node === instance.node || other === undefined || other.phase === "removing"
        ? []
        : [other];
    });
  }

  /** It has been healthy for so long that every manager knows it. */
  function isWell(service: ServiceId): boolean {
    const sinceMs = facts.healthySinceMs.get(service);
    return sinceMs !== undefined && view.nowMs - sinceMs > toleranceMs;
  }

  function checkTakenDown(service: ServiceId): void {
    const instance = facts.instances.get(service);
    if (instance === undefined || instance.phase === "removing") return;
    const others = othersOf(instance);
    if (others === undefined || others.some((one) => facts.healthySinceMs.has(one.service))) return;
    const left = others.find((other) => isSettled(other) && mayBecomeHealthy(other));
    if (left === undefined) return;
    accuse("S7", `${service} is healthy and is taken down while ${left.service} is not healthy`);
  }

  /** It has been in its group for so long that every manager knows it. */
  function isSettled({ node }: InstanceRecord): boolean {
    const sinceMs = facts.members.get(node)?.sinceMs ?? view.nowMs;
    return view.nowMs - sinceMs > toleranceMs;
  }

  /** It is there and was healthy once: it would have to be waited for. What was lost just now may be news. */
  function mayBecomeHealthy({ service, node, wasHealthy }: InstanceRecord): boolean {
    const leasedAtMs = facts.leasedAtMs.get(node);
    if (!wasHealthy || leasedAtMs === undefined) return false;
    if (view.nowMs - leasedAtMs <= toleranceMs || ledger.nodes.get(node) === undefined)
      return false;
    const lost = facts.lostHealth.get(service);
    return lost?.by !== "outside" || view.nowMs - lost.atMs > toleranceMs;
  }

  function checkDone(next: InstanceRecord): void {
    const before = facts.instances.get(next.service);
    if (before?.upgrade === undefined || next.upgrade !== undefined) return;
    if (next.outcome !== "done") return;
    const { service, deployment } = next;
    const row = facts.deployments.get(deployment);
    const isNews = row === undefined || view.nowMs - row.sinceMs <= toleranceMs;
    const askedMs = isNews ? 0 : row.value.deployment.rollout.healthyForMs;
    const firstMs = facts.firstHealthyAtMs.get(service);
    if (firstMs === undefined) {
      accuse("S7", `the upgrade of ${service} is done, and it has not been healthy`);
    } else if (view.nowMs - firstMs < askedMs * healthShare) {
      const wasMs = view.nowMs - firstMs;
      accuse("S7", `the upgrade of ${service} is done after ${wasMs} ms of health, not ${askedMs}`);
    }
  }

  function onStop({ node, effect }: CarriedOut): void {
    if (effect.kind !== "stop" || nodeOfInstance(effect.service) !== node) return;
    const { service, instanceId } = effect;
    const slot = view.agentState(node)?.slots.get(service);
    const isForUpgrade = slot?.phase.kind === "stopping" && slot.phase.endsAs === "restart";
    if (!isForUpgrade || view.copies.get(instanceId)?.state !== "running") return;
    const epoch = ledger.leases.get(node)?.epoch;
    const instance = facts.instances.get(service);
    const configured = facts.services.get(service);
    // A node that was lost since its record was written is judged by what it comes back to.
    const isOrdered = epoch !== undefined && configured?.epoch === epoch;
    if (isOrdered) stoppedUnder.set(service, epoch);
    // What was not healthy then could be changed again, whatever it has become since.
    if (instance === undefined || !isOrdered || !configured.served) return;
    if (!facts.isOrderedUpgrade(instance, toleranceMs)) return;
    const others = othersOf(instance);
    if (others === undefined || others.some(({ service: other }) => runs(other))) return;
    if (others.some((other) => wasReliedOn(other) && !isDownByOrder(other))) return;
    const down = others.find(
      (other) => isDownByOrder(other) && isSettled(other) && !cameWithUpgrade(other),
    );
    if (down === undefined) return;
    accuse(
      "S7",
      `${node} stops ${service} for its upgrade while ${down.service} is down for its own`,
    );
  }

  function runs(service: ServiceId): boolean {
    for (const copy of view.copies.values()) {
      if (copy.service === service && copy.state === "running") return true;
    }
    return false;
  }

  /** It was under an upgrade already when its group's order began to hold for it: both go on. */
  function cameWithUpgrade(instance: InstanceRecord): boolean {
    return instance.upgrade !== undefined && !facts.isOrderedUpgrade(instance, toleranceMs);
  }

  /** The manager took it for healthy: a fault has taken it, and nobody had told yet. */
  function wasReliedOn({ service }: InstanceRecord): boolean {
    if (facts.healthySinceMs.has(service)) return true;
    const lost = facts.lostHealth.get(service);
    return lost?.by === "outside" && view.nowMs - lost.atMs <= toleranceMs;
  }

  /** Its agent has stopped it, has not got it to run since, and was not lost meanwhile. */
  function isDownByOrder({ service, node, wasHealthy }: InstanceRecord): boolean {
    const epoch = stoppedUnder.get(service);
    return wasHealthy && epoch !== undefined && ledger.leases.get(node)?.epoch === epoch;
  }

  let takenDown: ServiceId[] = [];

  return {
    beforeCommit({ changes }) {
      takenDown = [];
      for (const change of changes) {
        if (change.kind !== "put") continue;
        const { key } = change.entry;
        if (key.startsWith(keys.instances)) checkDone(readInstance(change.entry));
        if (!key.startsWith(keys.services)) continue;
        const service = serviceIdIn(key, keys.services);
        const before = facts.services.get(service)?.record;
        const next = readService(change.entry);
        if (before === undefined || next.removing || !differs(before, next)) continue;
        if (isWell(service)) takenDown.push(service);
      }
    },
    afterCommit() {
      for (const service of takenDown) checkTakenDown(service);
    },
    onEffect: onStop,
    onCopy({ service, state }) {
      if (state === "running") stoppedUnder.delete(service);
    },
  };
}

type Configuration = ReturnType<typeof readService>;

/** Whether a running copy has to be stopped for it. */
function differs(before: Configuration, next: Configuration): boolean {
  const [left, right] = [before.instance?.release, next.instance?.release];
  return (
    next.config.state !== "started" ||
    left?.version !== right?.version ||
    left?.inputsKey !== right?.inputsKey
  );
}
