/**
 * The manager's care for the servers: it notes which are lost and which are back, takes out of the store what belongs to
 * nobody, carries out removals one after the other, and purges what has been lost for too long. It acts on changes of
 * the store and at the instant when the next server's time is over; what fails is tried again.
 */
import { choosePurge, type NotPurged, removalVerdict } from "../../../core/members/purge-server.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import type { Term } from "../../../runtime/election.ts";
import type { DeskOrder, DeskOutcome, ManagerDesk } from "../../../runtime/manager-desk.ts";
import { createPulse, pause } from "../../../runtime/manager-pulse.ts";
import { jsonOf } from "../../../runtime/manager-records.ts";
import { keys } from "../../../wire/records.ts";
import { unchanged } from "../../changes/change.ts";
import type { ServerContext } from "../../context.ts";
import type { ViewChange } from "../../view/cluster-view.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { nextLossChange } from "./losses.ts";
import { carryOutRemoval, type RemovalParts } from "./removal.ts";
import { leftoversIn, nodeCountsOf, type Survey, surveyServers } from "./survey.ts";

export interface KeeperOptions {
  readonly context: ServerContext;
  readonly desk: ManagerDesk;
  readonly term: Pick<Term, "signal">;
}

const againMsMin = 500;
const againMsMax = 60_000;
/** Longest single timer; a later instant is waited for in several. */
const timerMsMax = 3_600_000;

/** Always of interest. */
const serverPrefixes = [
  keys.servers,
  keys.serverLeases,
  keys.lostServers,
  keys.serverRemovals,
  keys.joins,
  keys.settings,
  keys.arming,
  keys.freeze,
];
/** Of interest while a server is lost. */
const nodePrefixes = [keys.nodes, keys.nodeStates, keys.leases];

/** `again`: something was done, count anew. `waitMs`: until time alone may change something; undefined: never. */
type Round =
  | { readonly kind: "again" }
  | { readonly kind: "rest"; readonly waitMs: number | undefined }
  /** Something is due, and what keeps it back may not show in the store. */
  | { readonly kind: "blocked" };

/** Keeps the servers until the term's signal aborts. Rejects only for a bug. */
export async function runKeeper(options: KeeperOptions): Promise<void> {
  const { context, desk, term } = options;
  if (context.controlPlane === undefined || context.controlPlane.engine === "embedded") return;
  await new Keeper({ context, desk, signal: term.signal }).work();
}

class Keeper {
  readonly #parts: RemovalParts;
  readonly #context: ServerContext;
  readonly #changed = createPulse();
  #isStale = true;
  #mayHaveLeftovers = true;
  #failures = 0;

  constructor(parts: RemovalParts) {
    this.#parts = parts;
    this.#context = parts.context;
  }

  async work(): Promise<void> {
    const { view, log } = this.#context;
    const { signal } = this.#parts;
    const deaf = view.listen({
      changed: (change) => this.#onChange(change),
      reset: () => this.#wake(),
    });
    try {
      while (!signal.aborted) {
        this.#isStale = false;
        const round = await this.#round();
        if (!round.ok) log.write("warn", `the servers cannot be looked after: ${round.error}`);
        if (signal.aborted) return;
        await this.#rest(round.ok ? round.value : { kind: "blocked" });
      }
    } finally {
      deaf();
    }
  }

  #onChange({ changedKeys }: ViewChange): void {
    const { lostServers } = this.#context.view.tables;
    const prefixes = lostServers.size > 0 ? [...serverPrefixes, ...nodePrefixes] : serverPrefixes;
    if (!changedKeys.some((key) => prefixes.some((prefix) => key.startsWith(prefix)))) return;
    const isAboutMembers = (key: string) =>
      key.startsWith(keys.joins) || key.startsWith(keys.servers);
    if (changedKeys.some(isAboutMembers)) this.#mayHaveLeftovers = true;
    this.#wake();
  }

  #wake(): void {
    this.#isStale = true;
    this.#changed.ring();
  }

  async #rest(round: Round): Promise<void> {
    const { clock } = this.#context;
    const { signal } = this.#parts;
    if (round.kind === "again") {
      this.#failures = 0;
      return;
    }
    const enough = new AbortController();
    const over = AbortSignal.any([signal, enough.signal]);
    if (round.kind === "rest") this.#failures = 0;
    else this.#failures += 1;
    const waitMs =
      round.kind === "rest"
        ? round.waitMs
        : Math.min(againMsMax, againMsMin * 2 ** Math.min(this.#failures - 1, 10));
    const waits: Promise<void>[] = [];
    // After a failure even a change is not followed at once: it would fail as fast as the store changes.
    if (round.kind === "blocked") await pause(clock, againMsMin, signal);
    if (this.#isStale) return;
    waits.push(this.#changed.next(over));
    if (waitMs !== undefined) waits.push(pause(clock, Math.min(waitMs, timerMsMax), over));
    await Promise.race(waits);
    enough.abort();
  }

  async #round(): Promise<Result<Round, string>> {
    const fresh = await freshTables(this.#context);
    if (!fresh.ok) return err(fresh.error.detail);
    const tables = fresh.value;
    const loss = nextLossChange(tables, this.#context.clock.wallMs());
    if (loss !== undefined) return await this.#write(loss);
    const [order] = [...tables.serverRemovals.values()].sort(
      (left, right) => left.revision - right.revision,
    );
    if (order !== undefined) {
      return afterWrite(await carryOutRemoval(this.#parts, order));
    }
    if (this.#mayHaveLeftovers) {
      const cleared = await this.#clearLeftovers();
      if (!cleared.ok || cleared.value === "again") return cleared.ok ? again : cleared;
    }
    return await this.#purge(tables);
  }

  async #write(order: DeskOrder): Promise<Result<Round, string>> {
    return afterWrite(await this.#parts.desk.write(order));
  }

  /** Members of the store that no server has: of joins that failed, and of removals that were interrupted. */
  async #clearLeftovers(): Promise<Result<"again" | "none", string>> {
    const { members, controlPlane, log } = this.#context;
    if (members === undefined || controlPlane?.self.member === undefined) return ok("none");
    const survey = await surveyServers(this.#context);
    if (!survey.ok) return survey;
    const isOwnThere = survey.value.tables.servers.get(controlPlane.self.id)?.value.member;
    if (isOwnThere === undefined) return ok("none");
    const { tables, storeMembers } = survey.value;
    for (const member of leftoversIn(storeMembers, tables, "dead")) {
      const because = whyLeftoverStays(survey.value, member);
      if (because !== undefined) {
        log.write("warn", `the store's member ${member.id} belongs to no server: ${because}`);
        continue;
      }
      if (this.#parts.signal.aborted) return ok("none");
      const removed = await members.remove(member.id);
      if (!removed.ok && removed.error.kind !== "not-found") {
        return err(
          `the store's member ${member.id}, which belongs to no server, cannot be removed: ${removed.error.message}`,
        );
      }
      const url = member.peerUrls.join();
      log.write("info", `took the member ${member.id} (${url}), which belongs to no server, out`);
      return ok("again");
    }
    this.#mayHaveLeftovers = false;
    return ok("none");
  }

  async #purge(tables: ViewTables): Promise<Result<Round, string>> {
    const { settings, lostServers, arming } = tables;
    const { purgeAfterMs, readyServersMin } = settings.value;
    const isArmed = (arming?.value.mode ?? "armed") === "armed";
    if (purgeAfterMs <= 0 || lostServers.size === 0 || !isArmed) return rest(undefined);
    // When its time is over the manager deletes it, which is a change.
    if (tables.freeze !== undefined) return rest(undefined);
    const dueAtMs = Math.min(
      ...[...lostServers.values()].map(({ value }) => value.sinceMs + purgeAfterMs),
    );
    const nowMs = this.#context.clock.wallMs();
    if (dueAtMs > nowMs) return rest(dueAtMs - nowMs);
    const survey = await surveyServers(this.#context);
    if (!survey.ok) return survey;
    const choice = choosePurge({
      ...{ members: survey.value.members, readyServersMin, purgeAfterMs, nowMs },
      ...nodeCountsOf(survey.value.tables),
    });
    if (choice.kind === "purge") return await this.#orderPurge(survey.value.tables, choice.id);
    return await this.#tellWhy(survey.value.tables, choice.reasons, nowMs);
  }

  /** On the condition that it is still lost; it is carried out as the next thing. */
  async #orderPurge(tables: ViewTables, id: string): Promise<Result<Round, string>> {
    const record = {
      version: 1,
      id,
      kind: "purge",
      by: "purge",
      atMs: this.#context.clock.wallMs(),
    };
    const key = `${keys.serverRemovals}${id}`;
    return await this.#write({
      compare: [
        { kind: "absent", key },
        { kind: "absent", key: `${keys.serverLeases}${id}` },
        unchanged(`${keys.servers}${id}`, tables.servers.get(id)),
      ],
      operations: [{ kind: "put", key, value: jsonOf(record) }],
    });
  }

  /** The reason of each that is due goes into its record, and into the log when it is another than before. */
  async #tellWhy(
    tables: ViewTables,
    reasons: readonly NotPurged[],
    nowMs: number,
  ): Promise<Result<Round, string>> {
    const { purgeAfterMs } = tables.settings.value;
    for (const { id, because } of reasons) {
      const row = tables.lostServers.get(id);
      if (row === undefined || row.value.sinceMs + purgeAfterMs > nowMs) continue;
      if (row.value.because === because) continue;
      this.#context.log.write("warn", `server ${id} is lost and not purged: ${because}`);
      const key = `${keys.lostServers}${id}`;
      return await this.#write({
        compare: [unchanged(key, row)],
        operations: [{ kind: "put", key, value: jsonOf({ ...row.value, because }) }],
      });
    }
    return ok({ kind: "blocked" });
  }
}

const again: Result<Round, string> = ok({ kind: "again" });

/** A condition that did not hold is looked at anew, and not as fast as the store can say so. */
function afterWrite(written: Result<DeskOutcome, string>): Result<Round, string> {
  if (!written.ok) return written;
  return written.value === "written" ? again : ok({ kind: "blocked" });
}

function rest(waitMs: number | undefined): Result<Round, string> {
  return ok({ kind: "rest", waitMs });
}

/** A learner changes no quorum; a voter goes only when those that are left can decide. */
function whyLeftoverStays(
  { members }: Survey,
  { id, isLearner }: { readonly id: string; readonly isLearner: boolean },
): string | undefined {
  if (isLearner) return undefined;
  const verdict = removalVerdict({ members, id: `member ${id}`, readyServersMin: 0 });
  return verdict.kind === "may-go" ? undefined : verdict.because;
}
