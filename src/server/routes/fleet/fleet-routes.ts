/** The routes of the fleet, in one place: what runs on every node that fits, and how it gets there. */
import type { ServerContext } from "../../context.ts";
import type { App } from "../../http/app.ts";
import { checkRoutes } from "./check-routes.ts";
import { definitionRoutes } from "./definitions-routes.ts";
import { deploymentRoutes } from "./deployments-routes.ts";
import { haGroupRoutes } from "./ha-groups-routes.ts";
import { nodePropertiesRoutes } from "./node-properties-routes.ts";
import { policyRoutes } from "./policies-routes.ts";
import { rolloutRoutes } from "./rollouts-routes.ts";

/** Adds the routes. */
export function fleetRoutes(app: App, context: ServerContext): void {
  haGroupRoutes(app, context);
  definitionRoutes(app, context);
  deploymentRoutes(app, context);
  rolloutRoutes(app, context);
  checkRoutes(app, context);
  policyRoutes(app, context);
  nodePropertiesRoutes(app, context);
}
