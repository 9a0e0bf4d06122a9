/**
 * Carries the upgrade of the control plane on, for one time of office: looks at what has come, has the next step decided
 * by the pure machine, writes it together with what the step wants written, and does what has to be done beside the store.
 */
import { isDeepStrictEqual } from "node:util";
import type { ActResult, UpgradeAct } from "../../core/upgrade/facts.ts";
import { type ControlPlaneUpgrade, isOpen } from "../../core/upgrade/model.ts";
import { type DecidedAct, stepUpgrade, type UpgradeDecision } from "../../core/upgrade/step.ts";
import type { Term } from "../../runtime/election.ts";
import type { DeskOrder, ManagerDesk } from "../../runtime/manager-desk.ts";
import { createPulse, pause } from "../../runtime/manager-pulse.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import { forgetBeforeImages } from "../../runtime/migrate/before-images.ts";
import { keys } from "../../wire/records.ts";
import { unchanged } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import type { ViewChange } from "../view/cluster-view.ts";
import { freshTables } from "../view/fresh.ts";
import { gatherFacts } from "./facts.ts";
import { lateAudit } from "./late-audit.ts";
import { operationsOf } from "./writes.ts";

/** Does it, and says what came of it; never rejects for what the world does. */
export type UpgradeActs = Readonly<
  Record<
    UpgradeAct,
    (upgrade: ControlPlaneUpgrade, signal: AbortSignal) => Promise<Omit<ActResult, "name">>
  >
>;

export interface CarrierOptions {
  readonly context: ServerContext;
  readonly desk: ManagerDesk;
  readonly term: Pick<Term, "signal">;
  readonly acts: UpgradeActs;
}

/** Changes of these may let a step go on. */
const watchedPrefixes = [
  keys.systemUpgrade,
  keys.servers,
  keys.serverLeases,
  keys.serverUpgradeReports,
  keys.manager,
  keys.freeze,
  keys.schema,
  keys.leases,
  keys.statuses,
  keys.nodeStates,
  keys.nodes,
  keys.agentUpgrades,
];
/** Whether a server is ready is in no record: it is asked again after so long while something waits. */
const lookAgainMs = 500;
const failureMs = 1_000;

/** Until the term's signal aborts. Rejects only for a bug. */
export async function runUpgradeCarrier(options: CarrierOptions): Promise<void> {
  await new Carrier(options).work();
}

class Carrier {
  readonly #options: CarrierOptions;
  readonly #changed = createPulse();
  #act: ActResult | undefined;

  constructor(options: CarrierOptions) {
    this.#options = options;
  }

  async work(): Promise<void> {
    const { context, term } = this.#options;
    const { signal } = term;
    const deaf = context.view.listen({
      changed: (change) => this.#onChange(change),
      reset: () => this.#changed.ring(),
    });
    try {
      while (!signal.aborted) {
        const next = this.#changed.next(signal);
        const waitMs = await this.#round();
        if (signal.aborted) return;
        if (waitMs === undefined) await next;
        else if (waitMs > 0) await pause(context.clock, waitMs, signal);
      }
    } finally {
      deaf();
    }
  }

  #onChange({ changedKeys }: ViewChange): void {
    if (this.#options.context.view.tables.systemUpgrade === undefined) return;
    const isOurs = (key: string) => watchedPrefixes.some((prefix) => key.startsWith(prefix));
    if (changedKeys.some(isOurs)) this.#changed.ring();
  }

  /** How long until the next one; undefined: until something changes. */
  async #round(): Promise<number | undefined> {
    const { context } = this.#options;
    const late = lateAudit(context.view.tables.systemUpgrade, context.view.auditKeys.at(-1));
    if (late !== undefined) return await this.#audit(late);
    const upgrade = context.view.tables.systemUpgrade?.value;
    if (upgrade === undefined || !isOpen(upgrade)) return await this.#tidy();
    if (upgrade.state !== "running" && upgrade.state !== "aborting") {
      this.#act = undefined;
      return undefined;
    }
    const fresh = await freshTables(context);
    if (!fresh.ok) return failureMs;
    const row = fresh.value.systemUpgrade;
    if (row === undefined) return undefined;
    const facts = await gatherFacts(context, row.value, this.#act);
    const decision = stepUpgrade(row.value, facts, context.clock.wallMs());
    if (decision.upgrade !== row.value || decision.writes.length > 0) {
      return await this.#write(decision, row);
    }
    if (decision.act !== undefined) {
      await this.#do(decision.act, row.value);
      return 0;
    }
    return lookAgainMs;
  }

  async #audit(late: DeskOrder): Promise<number> {
    const { context, desk } = this.#options;
    const written = await desk.write(late);
    if (written.ok) return written.value === "changed" ? lookAgainMs : 0;
    context.log.write("warn", `orders are not in the audit yet: ${written.error}`);
    return failureMs;
  }

  /** An upgrade that is over is not taken back any more: what the store held before is not needed. */
  async #tidy(): Promise<number | undefined> {
    const { context, term } = this.#options;
    if (context.view.tables.schema?.value.before === undefined) return undefined;
    const forgotten = await forgetBeforeImages(context.store, term.signal);
    if (forgotten.ok) return undefined;
    context.log.write("debug", `what was before the upgrade is still kept: ${forgotten.error}`);
    return failureMs;
  }

  async #write(
    { upgrade, writes }: UpgradeDecision,
    row: { readonly value: ControlPlaneUpgrade; readonly revision: number },
  ): Promise<number> {
    const { context, desk } = this.#options;
    const { tables } = context.view;
    const facts = { tables, upgrade, nowMs: context.clock.wallMs() };
    const parts = writes.map((write) => operationsOf(write, facts));
    const order: DeskOrder = {
      compare: [unchanged(keys.systemUpgrade, row), ...parts.flatMap(({ compare }) => compare)],
      operations: [
        { kind: "put", key: keys.systemUpgrade, value: jsonOf({ version: 1, ...upgrade }) },
        ...parts.flatMap(({ operations }) => operations),
      ],
    };
    const written = await desk.write(order);
    if (!written.ok) {
      context.log.write("warn", `the upgrade is not carried on: ${written.error}`);
      return failureMs;
    }
    if (written.value === "changed") return lookAgainMs;
    if (!isDeepStrictEqual(upgrade.steps, row.value.steps)) this.#act = undefined;
    const isSame = upgrade.state === row.value.state;
    if (!isSame) context.log.write("info", `the upgrade is ${upgrade.state}`, { id: upgrade.id });
    return 0;
  }

  async #do({ kind, step }: DecidedAct, upgrade: ControlPlaneUpgrade): Promise<void> {
    const { acts, context, term } = this.#options;
    context.log.write("info", `the upgrade's step "${step}" begins`, { id: upgrade.id });
    this.#act = { name: step, ...(await acts[kind](upgrade, term.signal)) };
  }
}
