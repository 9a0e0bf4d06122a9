/** What the servers say of themselves: each is asked directly, so that it works without a leader of the store. */
import { spanOf } from "../../core/explain/sentences/words.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { clockOffMs } from "../../core/upgrade/clock-off.ts";
import {
  type OwnStatus,
  ownStatusSchema,
  type ServerRecord,
  type ServerResource,
} from "../../wire/servers.ts";
import type { ServerContext } from "../context.ts";
import type { ControlPlane, MemberStatus } from "./control-plane.ts";
import { ownMachine } from "./own-machine.ts";

/** A server that takes longer is not well. */
const answerMsMax = 1_900;

/** This server's word about itself. */
export async function ownStatus(context: ServerContext): Promise<OwnStatus> {
  const { controlPlane, view, serverId, version } = context;
  const member = controlPlane && (await memberStatusInTime(context, controlPlane));
  const isCutOff = !view.connected;
  const because = member?.because ?? (isCutOff ? "it is cut off from its store" : undefined);
  const isWell = !isCutOff && member?.role !== "error" && member?.leader !== "none";
  const health = isWell ? "ok" : "cut-off";
  return {
    id: serverId,
    name: controlPlane?.self.name ?? serverId,
    version,
    role: member?.role ?? "solo",
    // Without its store it decides nothing, whatever it saw last.
    isManager: health === "ok" && view.tables.manager === serverId,
    term: member?.term,
    index: member?.index,
    applied: member?.applied,
    health,
    ...(because === undefined ? {} : { because }),
    office: context.office?.words(),
    settingsRevision: view.tables.settings.revision,
    machine: await ownMachine(context, member?.storeBytes),
  };
}

/** A member that hangs must not keep the server from saying so before its own caller gives up. */
async function memberStatusInTime(
  { clock }: ServerContext,
  controlPlane: ControlPlane,
): Promise<MemberStatus> {
  const { promise, resolve } = Promise.withResolvers<MemberStatus>();
  const because = "its member of the store does not answer";
  const cancel = clock.after(memberMsMax, () => resolve({ role: "error", because }));
  try {
    return await Promise.race([controlPlane.memberStatus(), promise]);
  } finally {
    cancel();
  }
}

const memberMsMax = 1_600;

/** All servers that this one knows of, and those on their way in, in the order of their ids; none holds up the others. */
export async function listServers(context: ServerContext): Promise<ServerResource[]> {
  const { controlPlane, view } = context;
  if (controlPlane === undefined) return withDistance([{ ...(await ownStatus(context)), url: "" }]);
  const records = [...view.tables.servers.values()].map((row) => row.value);
  const lines = await Promise.all(records.map(async (record) => await lineOf(context, record)));
  const sorted = [...lines, ...joiningLines(context)].sort(
    (left, right) => Number(left.id) - Number(right.id),
  );
  return withDistance(sorted);
}

/** A server's word about itself, asked for where it is; the error says why there is none. */
export async function statusOfServer(
  context: ServerContext,
  { id, url }: ServerRecord,
): Promise<Result<OwnStatus, string>> {
  const { controlPlane, serverId } = context;
  if (id === serverId) return ok(await ownStatus(context));
  if (controlPlane === undefined) return err("this server has no certificate to ask it with");
  const path = "/v1/peers/status";
  const answer = await controlPlane.askPeer({ url, path, timeoutMs: answerMsMax });
  if (!answer.ok) return answer;
  const status = ownStatusSchema.safeParse(answer.value);
  if (!status.success) return err("its answer is not what a server says");
  if (status.data.id !== id) return err(`server ${status.data.id} answers at its address`);
  return ok(status.data);
}

async function lineOf(context: ServerContext, record: ServerRecord): Promise<ServerResource> {
  const { clock } = context;
  const { id, name, url } = record;
  const askedAtMs = clock.monotonicMs();
  const status = await statusOfServer(context, record);
  if (status.ok) {
    const { machine } = status.value;
    const tookMs = clock.monotonicMs() - askedAtMs;
    const off = machine && clockOffMs({ itsMs: machine.wallMs, ownMs: clock.wallMs(), tookMs });
    return { ...status.value, id, name, url, clockOffMs: off };
  }
  const because = [status.error, ...lossWords(context, id)].join("; ");
  return { id, name, url, role: "error", isManager: false, health: "unreachable", because };
}

/** Since when it is lost, and what becomes of it. */
function lossWords({ view, clock }: ServerContext, id: string): string[] {
  const lost = view.tables.lostServers.get(id)?.value;
  if (lost === undefined) return [];
  const { purgeAfterMs } = view.tables.settings.value;
  const forMs = Math.max(0, clock.wallMs() - lost.sinceMs);
  const since = `lost for ${spanOf(forMs)}`;
  if (purgeAfterMs <= 0) return [since];
  if (lost.because !== undefined) return [since, `not purged: ${lost.because}`];
  return [since, `purged when it has been lost for ${spanOf(purgeAfterMs)}`];
}

function joiningLines({ view }: ServerContext): ServerResource[] {
  const { joins, servers } = view.tables;
  return [...joins.values()]
    .filter(({ value }) => !servers.has(value.id))
    .map(({ value: { id, name, url = "" } }) => ({
      ...{ id, name, url },
      role: "learner",
      isManager: false,
      health: "starting",
      because: "it is on its way in: it waits for its turn, then copies the store",
    }));
}

function withDistance(lines: readonly ServerResource[]): ServerResource[] {
  const foremost = Math.max(0, ...lines.map(({ index }) => index ?? 0));
  return lines.map((line) =>
    line.applied === undefined ? line : { ...line, behind: Math.max(0, foremost - line.applied) },
  );
}
