/**
 * What the store of a server remembers of a rollout, looked at afterwards, revision by revision: of an HA group at most
 * one member was ever under an upgrade, its slot was held exactly as long, and no healthy copy was taken down while it
 * was the last one (S7).
 */
import { DatabaseSync } from "node:sqlite";
import * as z from "zod";
import { deploymentRecordSchema } from "../../../src/wire/fleet/deployments.ts";
import { haMemberRecordSchema } from "../../../src/wire/fleet/ha-groups.ts";
import {
  type InstanceRecord,
  instanceRecordSchema,
  upgradeSlotRecordSchema,
} from "../../../src/wire/fleet/instances.ts";
import { agentUpgradeRecordSchema } from "../../../src/wire/fleet/policies.ts";
import {
  keys,
  leaseRecordSchema,
  type ReportRecord,
  reportRecordSchema,
  serviceRecordSchema,
  statusRecordSchema,
} from "../../../src/wire/records.ts";

/** One key's change: a put, or a deletion with what it held before. */
export interface HistoryChange {
  readonly revision: number;
  readonly key: string;
  readonly value: unknown;
  readonly isDeletion: boolean;
}

const rowSchema = z.object({
  revision: z.number(),
  key: z.string(),
  value: z.string(),
  because: z.string().nullable(),
});

/** All changes that the store's file still knows, oldest first; its server has ended. */
export function readHistory(file: string): readonly HistoryChange[] {
  // A server that was just killed may hold its lock for a moment still.
  const database = new DatabaseSync(file, { timeout: 5_000 });
  try {
    const compacted = z
      .object({ compacted_revision: z.number() })
      .parse(database.prepare("SELECT compacted_revision FROM meta").get());
    if (compacted.compacted_revision > 0) throw new Error("the store has forgotten its beginning");
    const rows = database
      .prepare("SELECT revision, key, value, because FROM change ORDER BY revision, position")
      .all();
    return rows.map((row) => {
      const { revision, key, value, because } = rowSchema.parse(row);
      return { revision, key, value: JSON.parse(value), isDeletion: because !== null };
    });
  } finally {
    database.close();
  }
}

/** What the store held at one revision, as far as it matters here. */
class Facts {
  readonly groupOf = new Map<string, string>();
  readonly instances = new Map<string, InstanceRecord>();
  readonly slots = new Map<string, string>();
  /** Nodes whose agents are told to install. */
  readonly installing = new Set<string>();
  readonly #unordered = new Set<string>();
  readonly #leases = new Map<string, number>();
  readonly #reports = new Map<string, ReportRecord>();
  /** Instructions, as far as they say that the service is to run. */
  readonly #started = new Map<string, string>();
  /** Revision of the record of each service that is to run. */
  readonly #wanted = new Map<string, number>();

  take({ key, value, revision, isDeletion }: HistoryChange): void {
    const [, prefix = "", rest = ""] = /^([^/]*\/)(.*)$/.exec(key) ?? [];
    const put = <T>(map: Map<string, T>, held: T | undefined): void => {
      if (held === undefined || isDeletion) map.delete(rest);
      else map.set(rest, held);
    };
    if (prefix === keys.haMembers) put(this.groupOf, haMemberRecordSchema.parse(value).group);
    if (prefix === keys.instances) put(this.instances, instanceRecordSchema.parse(value));
    if (prefix === keys.upgradeSlots) put(this.slots, upgradeSlotRecordSchema.parse(value).node);
    if (prefix === keys.leases) put(this.#leases, leaseRecordSchema.parse(value).epoch);
    if (prefix === keys.reports) put(this.#reports, reportRecordSchema.parse(value));
    if (prefix === keys.services) {
      const { config, removing } = serviceRecordSchema.parse(value);
      put(this.#wanted, config.state === "started" && !removing ? revision : undefined);
    }
    if (prefix === keys.statuses) {
      const { state, uid } = statusRecordSchema.parse(value);
      put(this.#started, state === "started" ? uid : undefined);
    }
    if (prefix === keys.deployments && !isDeletion) {
      const { name, haSemantics } = deploymentRecordSchema.parse(value).deployment;
      if (haSemantics === "none") this.#unordered.add(name);
      else this.#unordered.delete(name);
    }
    if (prefix === keys.agentUpgrades) {
      const isInstall = !isDeletion && agentUpgradeRecordSchema.parse(value).order === "install";
      if (isInstall) this.installing.add(rest);
      else this.installing.delete(rest);
    }
  }

  /** Upgrades that count in the nodes' groups, as `<node> <what>`. */
  upgrades(): ReadonlySet<string> {
    const found = new Set<string>();
    for (const node of this.installing) found.add(`${node} agent`);
    for (const { node, deployment, upgrade } of this.instances.values()) {
      const isOrdered = upgrade !== undefined && !this.#unordered.has(deployment);
      if (isOrdered) found.add(`${node} ${deployment}`);
    }
    return found;
  }

  membersOf(group: string): readonly string[] {
    return [...this.groupOf].filter(([, of]) => of === group).map(([node]) => node);
  }

  hasLease(node: string): boolean {
    return this.#leases.has(node);
  }

  /** What the agent of its node said last is of this lease, this instruction and this content, and good. */
  isHealthy({ node, service }: InstanceRecord): boolean {
    const report = this.#reports.get(service);
    const wantedAt = this.#wanted.get(service);
    if (report === undefined || wantedAt === undefined) return false;
    return (
      report.epoch === this.#leases.get(node) &&
      report.uid === this.#started.get(service) &&
      report.result === "running" &&
      report.configRevision >= wantedAt &&
      (report.health === "none" || report.health === "healthy")
    );
  }
}

/** What was counted on the way, so that a test can tell that there was something to see. */
export interface HistoryFindings {
  /** Sentences, each with the revision; empty: S7 held. */
  readonly faults: readonly string[];
  /** Upgrades that began, as `<node> <deployment or "agent">`. */
  readonly begun: readonly string[];
  /** Groups of which two members were seen under an upgrade at once because one of them joined with its own. */
  readonly joinedWithUpgrade: number;
  /** Most HA groups that had a member under an upgrade at one revision. */
  readonly groupsAtOnceMax: number;
}

/** Goes through the history once. */
export function checkHistory(changes: readonly HistoryChange[]): HistoryFindings {
  const facts = new Facts();
  const faults: string[] = [];
  const begun: string[] = [];
  /** Nodes that came into their group under an upgrade, which the order holds for only when it is over. */
  const joined = new Set<string>();
  let joinedWithUpgrade = 0;
  let groupsAtOnceMax = 0;
  for (const batch of byRevision(changes)) {
    const { revision } = batch[0] ?? { revision: 0 };
    const fault = (what: string) => faults.push(`revision ${revision}: ${what}`);
    const upgradesBefore = facts.upgrades();
    const groupsBefore = new Map(facts.groupOf);
    const slotsBefore = new Map(facts.slots);
    const needed = neededCopies(facts, batch);
    for (const change of batch) facts.take(change);
    const upgrades = facts.upgrades();
    const under = new Set([...upgrades].map(nodeOf));
    for (const node of joined) if (!under.has(node)) joined.delete(node);
    for (const [node, group] of facts.groupOf) {
      const isNew = groupsBefore.get(node) !== group;
      if (!isNew || !upgradesBefore.has([...upgrades].find((one) => nodeOf(one) === node) ?? "")) {
        continue;
      }
      joined.add(node);
      joinedWithUpgrade += 1;
    }
    for (const upgrade of upgrades) {
      if (upgradesBefore.has(upgrade)) continue;
      begun.push(upgrade);
      const group = facts.groupOf.get(nodeOf(upgrade));
      if (group === undefined) continue;
      const holder = facts.slots.get(group);
      if (holder !== nodeOf(upgrade)) fault(`${upgrade} begins, slot of ${group}: ${holder}`);
      const other = facts
        .membersOf(group)
        .find((node) => node !== nodeOf(upgrade) && under.has(node));
      if (other !== undefined) fault(`${upgrade} begins while ${other} of ${group} is at it`);
      if (needed.has(upgrade)) fault(`${upgrade} takes down the last healthy copy of ${group}`);
    }
    const groups = new Set([...under].flatMap((node) => facts.groupOf.get(node) ?? []));
    groupsAtOnceMax = Math.max(groupsAtOnceMax, groups.size);
    for (const group of groups) {
      const at = facts.membersOf(group).filter((node) => under.has(node) && !joined.has(node));
      if (at.length > 1) fault(`${at.join(" and ")} of ${group} are under an upgrade at once`);
    }
    for (const [group, node] of slotsBefore) {
      if (facts.slots.get(group) === node) continue;
      const isLeft = facts.groupOf.get(node) !== group;
      if (under.has(node) && !isLeft) fault(`${node} gives the slot of ${group} back too early`);
    }
    for (const upgrade of upgradesBefore) {
      const node = nodeOf(upgrade);
      const group = facts.groupOf.get(node);
      const hasEnded = !under.has(node) && group !== undefined;
      if (hasEnded && facts.slots.get(group) === node)
        fault(`${upgrade} is over and keeps its slot`);
    }
  }
  return { faults, begun, joinedWithUpgrade, groupsAtOnceMax };
}

/**
 * Upgrades that begin in this batch although their copy is the last healthy one of its group, and another member that
 * is there has a copy too: judged by what the store held before the batch.
 */
function neededCopies(facts: Facts, batch: readonly HistoryChange[]): ReadonlySet<string> {
  const needed = new Set<string>();
  for (const { key, value, isDeletion } of batch) {
    if (!key.startsWith(keys.instances) || isDeletion) continue;
    const { node, deployment, upgrade } = instanceRecordSchema.parse(value);
    const before = facts.instances.get(`${deployment}/${node}`);
    const group = facts.groupOf.get(node);
    const isBegin = upgrade !== undefined && before !== undefined && before.upgrade === undefined;
    if (!isBegin || group === undefined || !facts.isHealthy(before)) continue;
    const others = facts
      .membersOf(group)
      .filter((member) => member !== node && facts.hasLease(member))
      .flatMap((member) => facts.instances.get(`${deployment}/${member}`) ?? []);
    const isLast = others.length > 0 && !others.some((other) => facts.isHealthy(other));
    if (isLast) needed.add(`${node} ${deployment}`);
  }
  return needed;
}

function nodeOf(upgrade: string): string {
  return upgrade.slice(0, upgrade.indexOf(" "));
}

function* byRevision(changes: readonly HistoryChange[]): Iterable<readonly HistoryChange[]> {
  let batch: HistoryChange[] = [];
  for (const change of changes) {
    if (batch[0] !== undefined && batch[0].revision !== change.revision) {
      yield batch;
      batch = [];
    }
    batch.push(change);
  }
  if (batch.length > 0) yield batch;
}
