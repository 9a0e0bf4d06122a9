/**
 * Carries an upgrade on where no server serves, because all of them wait for the store's schema: one of them is elected as
 * the manager would be, and does what is left to be done before they can serve: it brings the store to the new schema, or
 * back to that of before.
 */
import { isDeepStrictEqual } from "node:util";
import { darkUntilMs } from "../../../core/upgrade/dark.ts";
import type { ActResult } from "../../../core/upgrade/facts.ts";
import type { ControlPlaneUpgrade, StepKind } from "../../../core/upgrade/model.ts";
import { type DecidedAct, stepUpgrade, type UpgradeDecision } from "../../../core/upgrade/step.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Log } from "../../../ports/log.ts";
import type { Store, StoreRevision } from "../../../ports/store.ts";
import { runElection, type Term } from "../../../runtime/election.ts";
import { election } from "../../../runtime/manager-draft.ts";
import { pause } from "../../../runtime/manager-pulse.ts";
import { jsonOf, readRecord } from "../../../runtime/manager-records.ts";
import { type UpgradeRecord, upgradeRecordSchema } from "../../../wire/control-plane/upgrades.ts";
import { keys } from "../../../wire/records.ts";
import { unchanged } from "../../changes/change.ts";
import { operationsOf } from "../writes.ts";
import { gatherWaitingFacts, type WaitingFacts } from "./facts.ts";

/** What is done to the store itself; never rejects for what the world does. */
export interface WaitingActs {
  migrate(upgrade: ControlPlaneUpgrade, signal: AbortSignal): Promise<Omit<ActResult, "name">>;
  restore(upgrade: ControlPlaneUpgrade, signal: AbortSignal): Promise<Omit<ActResult, "name">>;
}

export interface WaitingCarrierOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly serverId: string;
  readonly acts: WaitingActs;
  /** The waiting is over. */
  readonly signal: AbortSignal;
}

/** A server that serves is the better manager: it is given time to be elected. */
const standBackMs = 1_500;
const lookAgainMs = 300;
const idleMs = 1_000;
/** These need a server that serves, or somebody there who answers agents. */
const notWhileWaiting: ReadonlySet<StepKind> = new Set<StepKind>([
  ...(["check", "freeze", "settle", "backup", "prepare", "announce"] as const),
  ...(["release", "agents"] as const),
]);

/** Until the signal aborts. Rejects only for a bug. */
export async function runWaitingCarrier(options: WaitingCarrierOptions): Promise<void> {
  const { store, clock, log, signal } = options;
  while (!signal.aborted) {
    const found = await look(options);
    if (found === "unreadable" || !isOurs(found)) {
      await pause(clock, idleMs, signal);
      continue;
    }
    const term = new AbortController();
    await runElection({
      ...{ store, clock, log, serverId: options.serverId },
      lead: async (office) => {
        await new Carrier(options, office).work();
        term.abort(); // nothing is to be done now: the office is free for others
      },
      signal: AbortSignal.any([signal, term.signal]),
      standBackMs: () => standBackMs,
    });
  }
}

/** The upgrade, and what its steps look at; undefined: there is none. */
type Found = { readonly row: Row; readonly gathered: WaitingFacts } | undefined;

async function look({
  store,
  clock,
  serverId: managerId,
}: WaitingCarrierOptions): Promise<Found | "unreadable"> {
  const row = await readRow(store);
  if (row === undefined) return undefined;
  const facts = { managerId, nowMs: clock.wallMs() };
  const gathered = await gatherWaitingFacts(store, row.upgrade, facts);
  return gathered.ok ? { row, gathered: gathered.value } : "unreadable";
}

/** Whether there is something to do for servers that wait. */
function isOurs(found: Found): found is Exclude<Found, undefined> {
  if (found === undefined) return false;
  const { upgrade } = found.row;
  const { state, steps, schema } = upgrade;
  if (schema.from === schema.to) return false;
  // What waits for a person does so for a while only, where no server serves.
  if (state !== "running" && state !== "aborting") {
    return darkUntilMs(upgrade, found.gathered.facts) !== undefined;
  }
  return steps.some(({ kind, state: step }) => kind === "switch" && step !== "waiting");
}

interface Row {
  readonly upgrade: UpgradeRecord;
  readonly revision: StoreRevision;
}

async function readRow(store: Pick<Store, "get">): Promise<Row | undefined> {
  const read = await store.get(keys.systemUpgrade);
  const entry = read.ok ? read.value.entry : undefined;
  if (entry === undefined) return undefined;
  const upgrade = readRecord(upgradeRecordSchema, entry.key, entry.value);
  return { upgrade, revision: entry.modRevision };
}

class Carrier {
  readonly #options: WaitingCarrierOptions;
  readonly #office: Term;
  #act: ActResult | undefined;

  constructor(options: WaitingCarrierOptions, office: Term) {
    this.#options = options;
    this.#office = office;
  }

  async work(): Promise<void> {
    const { signal } = this.#office;
    while (!signal.aborted) {
      const waitMs = await this.#round();
      if (waitMs === undefined) return;
      if (waitMs > 0) await pause(this.#options.clock, waitMs, signal);
    }
  }

  /** How long until the next one; undefined: there is nothing to do here any more. */
  async #round(): Promise<number | undefined> {
    const found = await look(this.#options);
    if (found === "unreadable") return lookAgainMs;
    if (!isOurs(found)) return undefined;
    const { row, gathered } = found;
    const facts = { ...gathered.facts, act: this.#act };
    const decision = stepUpgrade(row.upgrade, facts, this.#options.clock.wallMs());
    if (isForOthers(decision)) return lookAgainMs;
    if (decision.upgrade !== row.upgrade || decision.writes.length > 0) {
      await this.#write(decision, row, gathered);
      return 0;
    }
    const { act } = decision;
    if (act === undefined) return lookAgainMs;
    if (act.kind !== "migrate" && act.kind !== "restore") return lookAgainMs;
    const { kind } = act;
    this.#act = await this.#inTime(act, (signal) => this.#options.acts[kind](row.upgrade, signal));
    return 0;
  }

  async #inTime(
    { step, untilMs }: DecidedAct,
    work: (signal: AbortSignal) => Promise<Omit<ActResult, "name">>,
  ): Promise<ActResult> {
    const { clock, log } = this.#options;
    log.write("info", `the upgrade's step "${step}" begins`);
    const tooLate = new AbortController();
    const leftMs = untilMs === undefined ? undefined : Math.max(0, untilMs - clock.wallMs());
    const cancel =
      leftMs === undefined ? () => undefined : clock.after(leftMs, () => tooLate.abort());
    const result = await work(AbortSignal.any([this.#office.signal, tooLate.signal]));
    cancel();
    if (result.outcome === "done" || !tooLate.signal.aborted) return { name: step, ...result };
    const detail = "it takes too long: agents would soon have to stop their services";
    return { name: step, outcome: "failed", detail };
  }

  async #write(
    { upgrade, writes }: UpgradeDecision,
    row: Row,
    { freeze }: WaitingFacts,
  ): Promise<void> {
    const { store, clock, log } = this.#options;
    const tables = { freeze, policies: new Map() };
    const facts = { tables, upgrade, nowMs: clock.wallMs() };
    const parts = writes.map((write) => operationsOf(write, facts));
    const written = await store.txn({
      compare: [
        election(this.#office.createRevision),
        unchanged(keys.systemUpgrade, { revision: row.revision }),
        ...parts.flatMap(({ compare }) => compare),
      ],
      then: [
        { kind: "put", key: keys.systemUpgrade, value: jsonOf({ version: 1, ...upgrade }) },
        ...parts.flatMap(({ operations }) => operations),
      ],
    });
    if (!written.ok) {
      log.write("warn", `the upgrade is not carried on: ${written.error.message}`);
      await pause(clock, lookAgainMs, this.#office.signal);
      return;
    }
    if (!written.value.succeeded) return;
    if (!isDeepStrictEqual(upgrade.steps, row.upgrade.steps)) this.#act = undefined;
    if (upgrade.state !== row.upgrade.state) log.write("info", `the upgrade is ${upgrade.state}`);
  }
}

/** What is under way, or comes next, is nothing for servers that wait. */
function isForOthers({ upgrade }: UpgradeDecision): boolean {
  const moving = upgrade.steps.find(({ state }) => state === "running" || state === "undoing");
  return moving !== undefined && notWhileWaiting.has(moving.kind);
}
