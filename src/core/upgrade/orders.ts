/** What people say of an upgrade under way. */
import { err, ok, type Result } from "../result.ts";
import { type ControlPlaneUpgrade, isOpen, type TakenOrder } from "./model.ts";

export const upgradeOrders = ["pause", "resume", "abort"] as const;
export type UpgradeOrderWord = (typeof upgradeOrders)[number];

/** All of them are written to the audit at once. */
const unauditedMax = 100;

/**
 * With an order that the audit does not have yet. An order is never refused for their number: the oldest ones are in the
 * servers' logs alone then.
 */
export function withUnaudited<Upgrade extends Pick<ControlPlaneUpgrade, "unaudited">>(
  upgrade: Upgrade,
  taken: TakenOrder,
): Upgrade {
  return { ...upgrade, unaudited: [...(upgrade.unaudited ?? []), taken].slice(-unauditedMax) };
}

/** The upgrade as it is from then on; the error says why that cannot be asked for now. */
export function withOrder(
  upgrade: ControlPlaneUpgrade,
  order: UpgradeOrderWord,
  by: string,
): Result<ControlPlaneUpgrade, string> {
  if (!isOpen(upgrade)) return err(`the upgrade is ${upgrade.state} already`);
  const { state } = upgrade;
  const isGoingBack = state === "aborting" || state === "abort-failed";
  switch (order) {
    case "pause":
      if (isGoingBack) return err("it is being taken back, which is not paused");
      if (state !== "running") return ok(upgrade);
      return ok({ ...upgrade, state: "paused", detail: `by ${by}` });
    case "resume":
      if (isGoingBack) return ok(fresh({ ...upgrade, state: "aborting" }));
      return ok(fresh({ ...upgrade, state: "running" }));
    case "abort":
      if (isGoingBack) return ok(upgrade);
      return ok({ ...upgrade, state: "aborting", detail: `asked for by ${by}` });
  }
}

/** What failed is tried anew, with the whole time that it may take. On the way back a step that was begun stays begun. */
function fresh(upgrade: ControlPlaneUpgrade): ControlPlaneUpgrade {
  const isBack = upgrade.state === "aborting";
  const [failed, next] = isBack
    ? (["undoing", "running"] as const)
    : (["running", "waiting"] as const);
  const steps = upgrade.steps.map((step) =>
    step.state === failed ? { ...step, state: next, detail: "" } : step,
  );
  return { ...upgrade, steps, detail: "", attempt: upgrade.attempt + 1 };
}
