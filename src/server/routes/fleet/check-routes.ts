/** What would be: `/v1/check`, whether deployments and nodes are compatible; `/v1/deployments/{name}/plan`, what a change comes to. */
import { compareIds, type NodeId } from "../../../core/ids.ts";
import { ok, type Result } from "../../../core/result.ts";
import { instantMs } from "../../../core/time.ts";
import type { Problem } from "../../../wire/errors.ts";
import { type DeploymentRecord, deploymentSchema } from "../../../wire/fleet/deployments.ts";
import {
  checkAnswerSchema,
  checkRequestSchema,
  rolloutPlanSchema,
} from "../../../wire/fleet/resources.ts";
import { checkedRecord, deploymentRow } from "../../changes/fleet/deployment-changes.ts";
import { warningsOf } from "../../changes/fleet/deployment-warnings.ts";
import { nodeRow } from "../../changes/node-changes.ts";
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { unwrap } from "../../http/problem-error.ts";
import { actorOf } from "../../http/scopes.ts";
import { checkLines } from "../../view/fleet/compatible-nodes.ts";
import { rolloutPlan } from "../../view/fleet/rollout-plan.ts";
import { freshTables } from "../../view/fresh.ts";
import type { ViewTables } from "../../view/view-tables.ts";

import { mustBeSame } from "../must-be-same.ts";
import { deploymentParams, deploymentPath } from "./deployments-routes.ts";
import { unknownPropertiesOf, unknownPropertiesQuery } from "./unknown-properties.ts";

type Asked = ReturnType<typeof checkRequestSchema.parse>;

/** Adds the routes. */
export function checkRoutes(app: App, context: ServerContext): void {
  app.post(
    "/v1/check",
    { schema: { body: checkRequestSchema, response: { 200: checkAnswerSchema } } },
    async (request) => {
      const tables = unwrap(await freshTables(context));
      const asker = { by: actorOf(request).identity.who, nowMs: context.clock.wallMs() };
      const records = unwrap(deploymentsOf(tables, request.body.deployment, asker));
      const nodes = unwrap(nodesOf(tables, request.body.node));
      const items = records.flatMap((record) => checkLines(tables, record, nodes));
      return { revision: context.view.revision, items };
    },
  );
  planRoute(app, context);
}

function planRoute(app: App, context: ServerContext): void {
  app.post(
    `${deploymentPath}/plan`,
    {
      schema: {
        params: deploymentParams,
        querystring: unknownPropertiesQuery,
        body: deploymentSchema,
        response: { 200: rolloutPlanSchema },
      },
    },
    async (request) => {
      const { name } = request.params;
      mustBeSame(name, request.body.name);
      const tables = unwrap(await freshTables(context));
      const nowMs = context.clock.wallMs();
      const options = {
        ...{ by: actorOf(request).identity.who, nowMs, row: tables.deployments.get(name)?.value },
        unknownProperties: unknownPropertiesOf(request.query),
      };
      const record = unwrap(checkedRecord(tables, request.body, options));
      const plan = rolloutPlan(tables, record, instantMs(nowMs));
      return { ...plan, warnings: [...warningsOf(tables, record)] };
    },
  );
}

/** One by name, one as it would be, or all that are there. */
function deploymentsOf(
  tables: ViewTables,
  asked: Asked["deployment"],
  asker: { readonly by: string; readonly nowMs: number },
): Result<readonly DeploymentRecord[], Problem> {
  if (asked === undefined) {
    const all = [...tables.deployments.values()].map(({ value }) => value);
    return ok(all.sort((left, right) => compareIds(left.deployment.name, right.deployment.name)));
  }
  if (typeof asked === "string") {
    const row = deploymentRow(tables, asked);
    return row.ok ? ok([row.value.value]) : row;
  }
  // What nothing has shows in the answer: it is what is asked about.
  const row = tables.deployments.get(asked.name)?.value;
  const options = { ...asker, row, unknownProperties: "allowed" } as const;
  const record = checkedRecord(tables, asked, options);
  return record.ok ? ok([record.value]) : record;
}

function nodesOf(
  tables: ViewTables,
  asked: NodeId | undefined,
): Result<readonly NodeId[], Problem> {
  if (asked === undefined) return ok([...tables.nodes.keys()].sort(compareIds));
  const row = nodeRow(tables, asked);
  return row.ok ? ok([asked]) : row;
}
