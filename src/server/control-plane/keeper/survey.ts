/**
 * The servers as they are at this instant, counted anew for each decision: who votes by the word of the store's
 * members, who lives by its lease, and who is well by its own answer.
 */
import type { NodeCounts } from "../../../core/members/missing.ts";
import type { Member } from "../../../core/members/quorum.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import type { StoreMember } from "../../../ports/members.ts";
import type { ServerRecord } from "../../../wire/servers.ts";
import type { ServerContext } from "../../context.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { statusOfServer } from "../server-list.ts";

export interface Survey {
  readonly tables: ViewTables;
  /** Servers by their ids, then members of the store that belong to none, as `member <id>`. */
  readonly members: readonly Member[];
  /** Of the store that these servers run themselves; empty: others run it. */
  readonly storeMembers: readonly StoreMember[];
}

/** Counts. The error says why nobody can: without a quorum of the store nothing is to be decided. */
export async function surveyServers(context: ServerContext): Promise<Result<Survey, string>> {
  // The members first: whoever is among them and on its way in was noted before.
  const storeMembers = await ownStoreMembers(context);
  if (!storeMembers.ok) return storeMembers;
  const fresh = await freshTables(context);
  if (!fresh.ok) return err(fresh.error.detail);
  const tables = fresh.value;
  const nowMs = context.clock.wallMs();
  const hasOwnStore = storeMembers.value.length > 0;
  const servers = await Promise.all(
    [...tables.servers.values()].map(async ({ value: record }): Promise<Member> => {
      const lostSinceMs = lostSince(tables, record.id, nowMs);
      const isWell = lostSinceMs === undefined && (await isWellNow(context, record));
      const member = storeMemberOf(storeMembers.value, record);
      return {
        id: record.id,
        // Where others run the store, only they have a quorum to lose.
        isVoter: hasOwnStore ? member?.isLearner === false : isWell,
        isLearner: member?.isLearner === true,
        isReady: isWell,
        // One whose member does not answer has no say in what is to be decided.
        lostSinceMs: lostSinceMs ?? (isWell ? undefined : nowMs),
      };
    }),
  );
  const others = leftoversIn(storeMembers.value, tables, "all").map(
    (member): Member => ({
      id: `member ${member.id}`,
      isVoter: !member.isLearner,
      isLearner: member.isLearner,
      isReady: false,
      lostSinceMs: isJoining(tables, member) ? undefined : nowMs,
    }),
  );
  return ok({ tables, members: [...servers, ...others], storeMembers: storeMembers.value });
}

/** Empty: there are none that would be the servers' own. */
async function ownStoreMembers(
  context: ServerContext,
): Promise<Result<readonly StoreMember[], string>> {
  const { controlPlane, members } = context;
  if (members === undefined || controlPlane?.self.member === undefined) return ok([]);
  const listed = await members.memberList();
  if (listed.ok) return listed;
  return err(`the store's members do not say who they are: ${listed.error.message}`);
}

/** The member of a server; undefined: it has none, or none any more. */
export function storeMemberOf(
  storeMembers: readonly StoreMember[],
  { member }: Pick<ServerRecord, "member">,
): StoreMember | undefined {
  if (member === undefined) return undefined;
  return storeMembers.find(({ id }) => id === member.id);
}

/** Members that belong to no server; `dead`: nor to one that is on its way in. */
export function leftoversIn(
  storeMembers: readonly StoreMember[],
  tables: ViewTables,
  which: "all" | "dead",
): readonly StoreMember[] {
  const known = [...tables.servers.values()].map(({ value }) => value.member);
  const isOwned = ({ id, peerUrls }: StoreMember): boolean =>
    known.some((member) => member?.id === id || peerUrls.includes(member?.peerUrl ?? ""));
  return storeMembers.filter(
    (member) => !isOwned(member) && (which === "all" || !isJoining(tables, member)),
  );
}

function isJoining({ joins }: ViewTables, { peerUrls }: StoreMember): boolean {
  return [...joins.values()].some(({ value }) => peerUrls.includes(value.peerUrl));
}

function lostSince(tables: ViewTables, id: string, nowMs: number): number | undefined {
  if (tables.serverLeases.has(id)) return undefined;
  return Math.min(nowMs, tables.lostServers.get(id)?.value.sinceMs ?? nowMs);
}

async function isWellNow(context: ServerContext, record: ServerRecord): Promise<boolean> {
  const status = await statusOfServer(context, record);
  return status.ok && status.value.health === "ok" && status.value.role !== "error";
}

/** Nodes in all, and those of which nothing is heard; one in maintenance, or put offline, counts as there. */
export function nodeCountsOf(tables: ViewTables): NodeCounts {
  let nodesMissingCount = 0;
  for (const [node, { value }] of tables.nodes) {
    const state = tables.nodeStates.get(node)?.value.state;
    const isUp = state === "online" && tables.leases.has(node);
    const isAway = state === "maintenance" || value.mode === "offline";
    if (!isUp && !isAway) nodesMissingCount += 1;
  }
  return { nodesCount: tables.nodes.size, nodesMissingCount };
}
