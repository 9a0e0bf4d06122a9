/** The plans of what people say about an upgrade of the control plane. */
import { firstSchema } from "../../core/migrations/create-migrations.ts";
import { err, ok, type Result } from "../../core/result.ts";
import { isOpen, type TakenOrder, type UpgradeStrategy } from "../../core/upgrade/model.ts";
import { type UpgradeOrderWord, withOrder, withUnaudited } from "../../core/upgrade/orders.ts";
import { newUpgrade } from "../../core/upgrade/plan.ts";
import { skewVerdict } from "../../core/upgrade/skew.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { BundleRecord } from "../../wire/bundles.ts";
import type { UpgradeResource } from "../../wire/control-plane/upgrades.ts";
import { type Problem, problemOf } from "../../wire/errors.ts";
import { keys } from "../../wire/records.ts";
import { type ChangePlan, unchanged } from "../changes/change.ts";
import { refuse } from "../http/problem-error.ts";
import type { ViewTables } from "../view/view-tables.ts";

/** Where an upgrade leads to, and how. */
export interface UpgradeTarget {
  readonly from: string;
  readonly to: { readonly version: string; readonly sha256: string };
  readonly schema: { readonly from: number; readonly to: number };
  /** How it may be done; the first one is the usual one. */
  readonly strategies: readonly [UpgradeStrategy, ...UpgradeStrategy[]];
}

/** Finds the package, by its version or SHA-256, and what it means for this cluster. */
export function targetOf(tables: ViewTables, wanted: string): Result<UpgradeTarget, Problem> {
  if (tables.servers.size === 0) {
    return refuse("refused", "this server was never initialised; do it with: holdfast server init");
  }
  const found = packageOf(tables, wanted);
  if (found === undefined) {
    return refuse(
      "not-found",
      `the servers keep no package of holdfast ${wanted}; push it with: holdfast bundle push FILE`,
    );
  }
  const { sha256, package: about, signature } = found;
  const version = about?.version ?? "";
  if (signature === undefined) {
    return refuse("refused", `the package of holdfast ${version} is not signed; push it again`);
  }
  const servers = [...tables.servers.values()].map(({ value }) => value);
  const others = servers.filter(({ serverVersion }) => serverVersion !== version);
  const [first] = others;
  if (first === undefined) return refuse("refused", `all servers run holdfast ${version} already`);
  const known = servers.map(({ name, serverVersion }) => ({ name, version: serverVersion }));
  const skew = skewVerdict({ role: "server", name: first.name, version }, known);
  if (skew.kind === "refused") return refuse("refused", skew.sentence);
  const from = tables.schema?.value.schema ?? firstSchema;
  const to = about?.schema ?? firstSchema;
  if (to < from) {
    const because = `the store has schema ${from}, and holdfast ${version} knows ${to}`;
    return refuse("refused", `${because}; go back with: holdfast backup restore`);
  }
  return ok({
    from: first.serverVersion,
    to: { version, sha256 },
    schema: { from, to },
    strategies: from >= (about?.rollingFrom ?? to) ? ["rolling", "stop-all"] : ["stop-all"],
  });
}

/** Of two packages of one version the one that was pushed last. */
function packageOf(tables: ViewTables, wanted: string): BundleRecord | undefined {
  let best: BundleRecord | undefined;
  for (const { value } of tables.bundles.values()) {
    if (value.package === undefined) continue;
    if (value.sha256 !== wanted && value.package.version !== wanted) continue;
    if (best === undefined || value.atMs > best.atMs) best = value;
  }
  return best;
}

/** What somebody who begins one has to say. */
export interface UpgradeWish {
  readonly to: string;
  readonly strategy?: UpgradeStrategy | undefined;
  readonly pauseAfter: readonly string[];
}

/** Begins an upgrade; there is one at a time. */
export function planUpgrade(
  tables: ViewTables,
  wish: UpgradeWish,
  { id, by, nowMs }: { readonly id: string; readonly by: string; readonly nowMs: number },
): Result<ChangePlan, Problem> {
  const row = tables.systemUpgrade;
  if (row !== undefined && isOpen(row.value)) {
    const { to, state } = row.value;
    return refuse(
      "conflict",
      `an upgrade to ${to.version} is ${state}; see: holdfast upgrade status`,
    );
  }
  const target = targetOf(tables, wish.to);
  if (!target.ok) return target;
  const { from, to, schema, strategies } = target.value;
  const strategy = wish.strategy ?? strategies[0];
  if (!strategies.includes(strategy)) {
    const because = `holdfast ${to.version} brings the store from schema ${schema.from} to ${schema.to}`;
    return refuse("refused", `${because}, for which all servers wait: use --strategy stop-all`);
  }
  // Those that have become it before, as in an upgrade that left one behind, are done.
  const servers = [...tables.servers.values()]
    .filter(({ value }) => value.serverVersion !== to.version)
    .map(({ value }) => value.id)
    .sort((left, right) => Number(left) - Number(right));
  const { pauseAfter } = wish;
  const upgrade = newUpgrade(
    { id, by, strategy, from, to, schema, pauseAfter, startedAtMs: nowMs },
    servers,
    { isAlone: tables.servers.size === 1 },
  );
  const unknown = pauseAfter.find(
    (word) => !upgrade.steps.some(({ name, kind }) => name === word || kind === word),
  );
  if (unknown !== undefined) {
    const names = upgrade.steps.map(({ name }) => name).join(", ");
    return err(
      problemOf("bad-input", `pauseAfter: there is no step "${unknown}"; there are: ${names}`),
    );
  }
  return ok({
    compare: [unchanged(keys.systemUpgrade, row)],
    operations: [
      {
        kind: "put",
        key: keys.systemUpgrade,
        value: jsonOf({ version: 1, ...upgrade, unaudited: row?.value.unaudited }),
      },
    ],
    action: "upgrade.apply",
    subject: "cluster",
    detail: `${from} to ${to.version}, ${strategy}`,
  });
}

/**
 * Pauses, resumes or takes back the one that is under way. `later`: the audit cannot be written with it, and gets it from
 * the upgrade.
 */
export function planUpgradeOrder(
  tables: Pick<ViewTables, "systemUpgrade">,
  order: UpgradeOrderWord,
  by: string,
  later?: Pick<TakenOrder, "from" | "atMs">,
): Result<ChangePlan, Problem> {
  const row = tables.systemUpgrade;
  if (row === undefined) return refuse("not-found", "there has never been an upgrade");
  const next = withOrder(row.value, order, by);
  if (!next.ok) return refuse("refused", next.error);
  const upgrade =
    later === undefined ? next.value : withUnaudited(next.value, { order, who: by, ...later });
  const value = jsonOf({ version: 1, ...upgrade });
  return ok({
    compare: [unchanged(keys.systemUpgrade, row)],
    operations: [{ kind: "put", key: keys.systemUpgrade, value }],
    action: `upgrade.${order}`,
    subject: "cluster",
    detail: `${row.value.from} to ${row.value.to.version}`,
    // An upgrade freezes the cluster itself, and must be undone all the same.
    whileFrozen: "goes-on",
  });
}

/** As people see it. */
export function upgradeResource(tables: Pick<ViewTables, "systemUpgrade">): UpgradeResource | null {
  const row = tables.systemUpgrade;
  if (row === undefined) return null;
  const { version: _, unaudited: __, ...upgrade } = row.value;
  return { ...upgrade, revision: row.revision };
}
