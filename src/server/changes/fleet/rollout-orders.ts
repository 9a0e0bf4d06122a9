/** A person's order about a rollout: refused at once where it cannot be carried out, else waited for until the manager has spoken. */
import { randomUUID } from "node:crypto";
import type { RolloutOrder, RolloutState } from "../../../core/fleet/model/rollout.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import { jsonOf } from "../../../runtime/manager-records.ts";
import type { Problem } from "../../../wire/errors.ts";
import type { RolloutOrderRecord } from "../../../wire/fleet/instances.ts";
import type { RolloutOrderAnswer } from "../../../wire/fleet/resources.ts";
import { keys } from "../../../wire/records.ts";
import type { ServerContext } from "../../context.ts";
import { refuse } from "../../http/problem-error.ts";
import { rolloutOrderWithinMs } from "../../limits.ts";
import { latestRollout } from "../../view/fleet/deployment-resource.ts";
import { untilShown } from "../../view/until-shown.ts";
import type { ViewTables } from "../../view/view-tables.ts";
import { type Actor, type ChangePlan, change, unchanged } from "../change.ts";
import { deploymentRow } from "./deployment-changes.ts";

/** States from which a rollout can be brought by an order, and those that tell that it was. */
const orders: Readonly<
  Record<
    RolloutOrder,
    { readonly from: readonly RolloutState[]; readonly to: readonly RolloutState[] }
  >
> = {
  pause: { from: ["running"], to: ["paused"] },
  // It may be at its end already when it is looked at.
  resume: { from: ["paused"], to: ["running", "rolling-back", "succeeded", "failed"] },
  abort: { from: ["running", "paused"], to: ["rolling-back", "rolled-back", "failed"] },
};

/** Writes the order, to be taken up by the manager. */
export function planRolloutOrder(
  tables: ViewTables,
  deployment: string,
  wish: { readonly order: RolloutOrder; readonly id: string; readonly by: string },
): Result<ChangePlan, Problem> {
  const row = deploymentRow(tables, deployment);
  if (!row.ok) return row;
  const { order, id, by } = wish;
  const rollout = latestRollout(tables, deployment);
  if (rollout === undefined) {
    return refuse("refused", `deployment "${deployment}" has had no rollout yet`);
  }
  const { state, number } = rollout;
  if (!orders[order].from.includes(state)) {
    return refuse(
      "refused",
      `rollout ${number} of "${deployment}" is ${state}: it takes no ${order}`,
    );
  }
  const record: RolloutOrderRecord = { version: 1, id, order, by };
  return ok({
    compare: [unchanged(`${keys.deployments}${deployment}`, row.value)],
    operations: [{ kind: "put", key: `${keys.rolloutOrders}${deployment}`, value: jsonOf(record) }],
    action: `rollout.${order}`,
    subject: deployment,
    detail: `rollout ${number}`,
  });
}

/** Gives the order and waits for the manager's word; `pending`: there was none in time. */
export async function orderRollout(
  context: ServerContext,
  actor: Actor,
  { deployment, order }: { readonly deployment: string; readonly order: RolloutOrder },
): Promise<Result<RolloutOrderAnswer, Problem>> {
  const wish = { order, id: randomUUID(), by: actor.identity.who };
  let number = 0;
  const written = await change(context, actor, (tables) => {
    number = latestRollout(tables, deployment)?.number ?? 0;
    return planRolloutOrder(tables, deployment, wish);
  });
  if (!written.ok) return written;
  const isOver = (tables: ViewTables): boolean =>
    tables.rolloutOrders.get(deployment)?.value.id !== wish.id;
  const isShown = await untilShown(context, isOver, rolloutOrderWithinMs);
  const rollout = latestRollout(context.view.tables, deployment);
  const shown = rollout === undefined ? {} : { rollout };
  if (!isShown) return ok({ outcome: "pending", ...shown });
  const isDone = rollout?.number === number && orders[order].to.includes(rollout.state);
  return isDone ? ok({ outcome: "taken-up", ...shown }) : err(refusalOf(context, deployment));
}

/** In the manager's own words, which it left as an event. */
function refusalOf(context: ServerContext, deployment: string): Problem {
  const last = context.view.events.findLast((event) => event.subject === deployment);
  const because = last === undefined ? "look at its status" : last.sentence;
  return refuse("refused", `the manager has not done it: ${because}`).error;
}
