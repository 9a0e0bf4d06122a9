/**
 * S7, one member at a time: an upgrade of a member of an HA group begins only in the commit that gives its node the group's
 * slot, while no other member is under one; and a slot goes only in the commit that ends the upgrade, or when its holder
 * or its group is gone. So of a group at most one member is under upgrade, but for those that came into it with theirs.
 */
import { compareIds, type NodeId } from "../../../../core/ids.ts";
import type { UpgradeSlotRecord } from "../../../../wire/fleet/instances.ts";
import { keys } from "../../../../wire/records.ts";
import type { Check, CheckContext } from "../../check.ts";
import { toleranceMsOf } from "../recent.ts";
import { agentUse, type FleetFacts } from "./fleet-facts.ts";

/** What was before a commit. */
interface Before {
  readonly slots: ReadonlyMap<string, UpgradeSlotRecord>;
  readonly upgrades: ReadonlyMap<NodeId, readonly string[]>;
}

/** What has changed reaches a manager's memory after so long, as a rule. */
const noticeMs = 1_000;
/** Managers' clocks may be wrong by so much. */
const clockShare = 0.002;

const prefixes: readonly string[] = [keys.instances, keys.upgradeSlots, keys.agentUpgrades];

/** Compares slots and upgrades before and after every commit that writes any of them. */
export function createOneMemberCheck({ view, accuse }: CheckContext, facts: FleetFacts): Check {
  const toleranceMs = toleranceMsOf(view.plan.pace);
  let before: Before | undefined;

  function upgrades(): ReadonlyMap<NodeId, readonly string[]> {
    const nodes = new Set([...facts.instances.values()].map(({ node }) => node));
    for (const node of facts.agentUpgrades.keys()) nodes.add(node);
    return new Map([...nodes].map((node) => [node, facts.upgradesOf(node)]));
  }

  /** The group that the node has been in for so long that every manager knows it, with its order. */
  function settledGroup(node: NodeId): string | undefined {
    const member = facts.members.get(node);
    const group = member === undefined ? undefined : facts.groups.get(member.value);
    if (member === undefined || group === undefined) return undefined;
    const sinceMs = Math.max(member.sinceMs, group.sinceMs);
    return view.nowMs - sinceMs > toleranceMs ? member.value : undefined;
  }

  /** Whether a person has changed just now whether groups order the deployment's upgrades. */
  function isInFlux(use: string): boolean {
    const changedAtMs = facts.orderChangedAtMs.get(use);
    return changedAtMs !== undefined && view.nowMs - changedAtMs <= toleranceMs;
  }

  /** A write that no store took for long: its group's order holds for it only since the manager decided it. */
  function wasDecidedBefore(node: NodeId, use: string): boolean {
    const upgrade =
      use === agentUse ? facts.agentUpgrades.get(node) : facts.instanceOn(use, node)?.upgrade;
    const joinedAtMs = facts.members.get(node)?.sinceMs ?? 0;
    const orderedAtMs = Math.max(joinedAtMs, facts.orderChangedAtMs.get(use) ?? 0);
    const slackMs = noticeMs + view.nowMs * clockShare;
    return upgrade !== undefined && upgrade.sinceMs <= orderedAtMs + slackMs;
  }

  function checkBegin(node: NodeId, use: string, was: Before): void {
    const group = settledGroup(node);
    if (group === undefined || isInFlux(use) || wasDecidedBefore(node, use)) return;
    const about = `the upgrade of ${node} (${use}) begins`;
    const held = was.slots.get(group);
    if (held !== undefined) {
      accuse("S7", `${about} while ${held.node} holds the slot of ${group}`);
      return;
    }
    const slot = facts.slots.get(group);
    if (slot?.node !== node || useOf(slot) !== use) {
      accuse("S7", `${about} without the slot of ${group}`);
    }
    for (const other of facts.membersOf(group, view.nowMs, toleranceMs)) {
      if (other === node || facts.upgradesOf(other).every(isInFlux)) continue;
      accuse("S7", `${about} while ${other} of ${group} is under upgrade`);
    }
  }

  function checkSlot(group: string, was: Before): void {
    const held = was.slots.get(group);
    const slot = facts.slots.get(group);
    if (held !== undefined && slot?.node !== held.node) checkReturn(group, held);
    if (slot === undefined || held?.node === slot.node) return;
    if (held !== undefined)
      accuse("S7", `the slot of ${group} goes from ${held.node} to ${slot.node}`);
    if (facts.upgradesOf(slot.node).length === 0 && !isInFlux(useOf(slot))) {
      accuse("S7", `${slot.node} takes the slot of ${group} without an upgrade`);
    }
  }

  function checkReturn(group: string, { node }: UpgradeSlotRecord): void {
    const going = facts.upgradesOf(node).filter((use) => !isInFlux(use));
    const isMember = facts.members.get(node)?.value === group && facts.groups.has(group);
    const leftMs = view.nowMs - (facts.leftAtMs.get(node) ?? Number.NEGATIVE_INFINITY);
    if (going.length === 0 || !isMember || leftMs <= toleranceMs) return;
    accuse("S7", `${node} loses the slot of ${group} in the middle of its upgrade`);
  }

  /** Whoever is in no upgrade any more gives the slot back in the same commit. */
  function checkEnd(node: NodeId, was: Before): void {
    const hadAny = (was.upgrades.get(node) ?? []).length > 0;
    if (!hadAny || facts.upgradesOf(node).length > 0) return;
    const group = settledGroup(node);
    if (group === undefined || facts.slots.get(group)?.node !== node) return;
    if (was.upgrades.get(node)?.some(isInFlux) === true) return;
    accuse("S7", `${node} keeps the slot of ${group} after its upgrade`);
  }

  return {
    beforeCommit({ changes }) {
      const isAbout = changes.some((change) => {
        const key = change.kind === "put" ? change.entry.key : change.key;
        return prefixes.some((prefix) => key.startsWith(prefix));
      });
      before = isAbout ? { slots: new Map(facts.slots), upgrades: upgrades() } : undefined;
    },
    afterCommit() {
      const was = before;
      if (was === undefined) return;
      before = undefined;
      for (const [node, uses] of [...upgrades()].sort(([l], [r]) => compareIds(l, r))) {
        const known = was.upgrades.get(node) ?? [];
        for (const use of uses) if (!known.includes(use)) checkBegin(node, use, was);
        checkEnd(node, was);
      }
      for (const group of new Set([...was.slots.keys(), ...facts.slots.keys()])) {
        checkSlot(group, was);
      }
    },
  };
}

function useOf({ use }: UpgradeSlotRecord): string {
  return use.kind === "agent" ? agentUse : use.deployment;
}
