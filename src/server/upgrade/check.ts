/** `upgrade check`: gathers what may speak against an upgrade, from the tables and from the servers themselves. */
import { ok, type Result } from "../../core/result.ts";
import { faultOfSilence } from "../../core/upgrade/dark.ts";
import {
  type CheckedGroup,
  type CheckedServer,
  type Described,
  findingsOf,
} from "../../core/upgrade/findings.ts";
import { upgradeRoomBytes } from "../../core/upgrade/room.ts";
import { skewWarnings } from "../../core/upgrade/skew.ts";
import type { UpgradeCheck } from "../../wire/control-plane/upgrades.ts";
import type { Problem } from "../../wire/errors.ts";
import type { ServerResource } from "../../wire/servers.ts";
import { timesOf } from "../../wire/settings.ts";
import type { ServerContext } from "../context.ts";
import { listServers } from "../control-plane/server-list.ts";
import { freezeInForce } from "../view/freeze.ts";
import { freshTables } from "../view/fresh.ts";
import type { ViewTables } from "../view/view-tables.ts";
import { upgradePolicyName } from "./agents.ts";
import { boundIn } from "./bound.ts";
import { agentCheckFacts } from "./check-agents.ts";
import { targetOf, type UpgradeTarget } from "./plan-upgrade.ts";
import { stuckIn, type Transient, transientsIn, wordsOfTransient } from "./transients.ts";

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
  const known = versionsOfServers(tables);
  const from = way?.from ?? context.version;
  const version = way?.to.version;
  const findings = findingsOf({
    servers: servers.map((server) => checkedServer(server, nowMs, roomFor(tables, servers, way))),
    transients: transientsIn(tables).map(described),
    stuck: stuckIn(tables).map((each) => ({
      subject: each.subject,
      words: `${wordsOfTransient(each)}: it waits for a person, see: holdfast service show ${each.subject}`,
    })),
    groups: groupsIn(tables),
    bound: boundIn(tables),
    skew: skewWarnings(known, versionsOfAgents(tables)),
    agents: agentCheckFacts(tables, { from, to: version, servers: known, nowMs }),
    agentPolicy: upgradePolicyName,
    to: version,
    frozenBy: freezeInForce(tables, nowMs)?.value.by,
    noWay: target?.ok === false ? target.error.detail : undefined,
    silenceFault: faultOfSilence(timesOf(tables.settings.value)),
    stopsAll: way?.strategies[0] === "stop-all" ? way.schema : undefined,
  });
  return ok({
    verdict: findings.some(({ level }) => level === "blocks") ? "no-go" : "go",
    from,
    to: version,
    strategy: way?.strategies[0],
    schema: way?.schema,
    findings: [...findings],
  });
}

function described(each: Transient): Described {
  return { subject: each.subject, words: wordsOfTransient(each) };
}

/** Of a server that does not say how large its store is, the largest that another one has counts. */
function roomFor(
  tables: ViewTables,
  servers: readonly ServerResource[],
  way: UpgradeTarget | undefined,
): (server: ServerResource) => number {
  const packageBytes =
    way === undefined ? 0 : (tables.bundles.get(way.to.sha256)?.value.sizeBytes ?? 0);
  const isMigrating = way !== undefined && way.schema.from !== way.schema.to;
  const largest = Math.max(0, ...servers.map(({ machine }) => machine?.storeBytes ?? 0));
  return ({ machine }) =>
    upgradeRoomBytes({ storeBytes: machine?.storeBytes ?? largest, packageBytes, isMigrating });
}

function checkedServer(
  server: ServerResource,
  nowMs: number,
  neededBytesOf: (server: ServerResource) => number,
): CheckedServer {
  const { name, version = "", health, because, behind = 0, machine } = server;
  return {
    name,
    version,
    fault: health === "ok" ? undefined : (because ?? `it is ${health}`),
    behind,
    clockOffMs: server.clockOffMs,
    diskFreeBytes: machine?.diskFreeBytes,
    neededBytes: neededBytesOf(server),
    launcher: machine?.launcher,
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
