/** `upgrade check`: gathers what may speak against an upgrade, from the tables and from the servers themselves. */
import { ok, type Result } from "../../core/result.ts";
import { type CheckedGroup, type CheckedServer, findingsOf } from "../../core/upgrade/findings.ts";
import { skewWarnings } from "../../core/upgrade/skew.ts";
import type { UpgradeCheck } from "../../wire/control-plane/upgrades.ts";
import type { Problem } from "../../wire/errors.ts";
import type { ServerResource } from "../../wire/servers.ts";
import type { ServerContext } from "../context.ts";
import { listServers } from "../control-plane/server-list.ts";
import { freezeInForce } from "../view/freeze.ts";
import { freshTables } from "../view/fresh.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { boundIn } from "./bound.ts";
import { targetOf } from "./plan-upgrade.ts";
import { transientsIn, wordsOfTransient } from "./transients.ts";

/** Room for a package that is unpacked, and for a backup of a store of usual size. */
const neededBytes = 536_870_912;

/** Looks at everything, changes nothing. `to`: version or SHA-256 of a package; undefined: the cluster alone. */
export async function checkUpgrade(
  context: ServerContext,
  to: string | undefined,
): Promise<Result<UpgradeCheck, Problem>> {
  const servers = await listServers(context);
  const fresh = await freshTables(context);
  if (!fresh.ok) return fresh;
  const tables = fresh.value;
  const nowMs = context.clock.wallMs();
  const target = to === undefined ? undefined : targetOf(tables, to);
  const way = target?.ok === true ? target.value : undefined;
  const findings = findingsOf({
    servers: servers.map((server) => checkedServer(server, nowMs)),
    neededBytes,
    transients: transientsIn(tables).map((each) => ({
      subject: each.subject,
      words: wordsOfTransient(each),
    })),
    groups: groupsIn(tables),
    bound: boundIn(tables),
    skew: skewWarnings(versionsOfServers(tables), versionsOfAgents(tables)),
    frozenBy: freezeInForce(tables, nowMs)?.value.by,
    noWay: target?.ok === false ? target.error.detail : undefined,
    stopsAll: way?.strategies[0] === "stop-all" ? way.schema : undefined,
  });
  return ok({
    verdict: findings.some(({ level }) => level === "blocks") ? "no-go" : "go",
    from: way?.from ?? context.version,
    to: way?.to.version,
    strategy: way?.strategies[0],
    schema: way?.schema,
    findings: [...findings],
  });
}

function checkedServer(server: ServerResource, nowMs: number): CheckedServer {
  const { name, version = "", health, because, behind = 0, machine } = server;
  return {
    name,
    version,
    fault: health === "ok" ? undefined : (because ?? `it is ${health}`),
    behind,
    clockOffMs: machine === undefined ? undefined : machine.wallMs - nowMs,
    diskFreeBytes: machine?.diskFreeBytes,
    certificateLeftMs:
      machine?.certificateUntilMs === undefined ? undefined : machine.certificateUntilMs - nowMs,
  };
}

function groupsIn(tables: ViewTables): readonly CheckedGroup[] {
  return [...tables.haGroups.keys()].map((name) => {
    const members = [...(tables.membersOfGroup.get(name) ?? [])];
    const isUpgrading = tables.upgradeSlots.get(name)?.value.node;
    const healthy = members.filter((node) => tables.leases.has(node) && node !== isUpgrading);
    return { name, memberCount: members.length, healthyCount: healthy.length };
  });
}

function versionsOfServers(tables: ViewTables): { name: string; version: string }[] {
  return [...tables.servers.values()].map(({ value: { name, serverVersion: version } }) => ({
    name,
    version,
  }));
}

function versionsOfAgents(tables: ViewTables): { name: string; version: string }[] {
  return [...tables.nodes.values()].map(({ value: { node: name, agentVersion: version } }) => ({
    name,
    version,
  }));
}
