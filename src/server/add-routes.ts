/** All routes of a server, in scopes of those who call them. */
import { guardRoutes } from "./access/guard-routes.ts";
import { createPasswordDesk } from "./access/password-desk.ts";
import { backupRoutes } from "./backup/backup-routes.ts";
import type { ServerContext } from "./context.ts";
import type { App } from "./http/app.ts";
import type { Facade } from "./http/facade.ts";
import { auditRoutes } from "./routes/access/audit-routes.ts";
import { sessionRoutes } from "./routes/access/session-routes.ts";
import { tokenRoutes } from "./routes/access/tokens-routes.ts";
import { userRoutes } from "./routes/access/users-routes.ts";
import { agentRoutes } from "./routes/agent-routes.ts";
import { armingRoutes } from "./routes/arming-routes.ts";
import { bundleRoutes, peerBundleRoutes } from "./routes/bundles-routes.ts";
import { clusterRoutes } from "./routes/cluster-routes.ts";
import { configRoutes } from "./routes/control-plane/config-routes.ts";
import { freezeRoutes } from "./routes/control-plane/freeze-routes.ts";
import { joinRoutes, joinTokenRoutes } from "./routes/control-plane/join-routes.ts";
import { peerRoutes } from "./routes/control-plane/peer-routes.ts";
import { schemaRoutes } from "./routes/control-plane/schema-routes.ts";
import { serverRoutes } from "./routes/control-plane/servers-routes.ts";
import { upgradeRoutes } from "./routes/control-plane/upgrade-routes.ts";
import { eventRoutes } from "./routes/events-routes.ts";
import { execRoutes } from "./routes/exec-routes.ts";
import { agentUpgradeRoutes } from "./routes/fleet/agent-upgrade-routes.ts";
import { fleetRoutes } from "./routes/fleet/fleet-routes.ts";
import { groupRoutes } from "./routes/groups-routes.ts";
import { healthRoutes } from "./routes/health-routes.ts";
import { logRoutes } from "./routes/logs-routes.ts";
import { nodeRoutes } from "./routes/nodes-routes.ts";
import { ruleRoutes } from "./routes/rules-routes.ts";
import { serviceRoutes } from "./routes/services-routes.ts";
import { settingsRoutes } from "./routes/settings-routes.ts";

/** Adds the guard, then all routes. */
export function addRoutes(app: App, context: ServerContext, facades: readonly Facade[]): void {
  const desk = createPasswordDesk(context);
  guardRoutes(app, context, desk);
  openRoutes(app, context);
  app.register(async (scope) => {
    const people = scope as App; // `register` hands over the same app, without its types
    clusterRoutes(people, context);
    settingsRoutes(people, context);
    armingRoutes(people, context);
    freezeRoutes(people, context);
    nodeRoutes(people, context);
    groupRoutes(people, context);
    fleetRoutes(people, context);
    ruleRoutes(people, context);
    serviceRoutes(people, context);
    logRoutes(people, context);
    execRoutes(people, context);
    eventRoutes(people, context);
    auditRoutes(people, context);
    tokenRoutes(people, context, desk);
    userRoutes(people, context, desk);
    sessionRoutes(people, context, desk);
    serverRoutes(people, context);
    configRoutes(people, context);
    schemaRoutes(people, context);
    upgradeRoutes(people, context);
    joinTokenRoutes(people, context);
    bundleRoutes(people, context);
    backupRoutes(people, context);
  });
  app.register(async (scope) => {
    const peers = scope as App; // as above
    peerBundleRoutes(peers, context);
  });
  app.register(async (scope) => {
    const agents = scope as App; // as above
    agentRoutes(agents, context);
    agentUpgradeRoutes(agents, context);
  });
  for (const facade of facades) {
    app.register(async (scope) => facade(scope, { context, desk }));
  }
}

/** What needs no token. */
function openRoutes(app: App, context: ServerContext): void {
  app.register(async (scope) => {
    const open = scope as App; // as above
    healthRoutes(open, context);
    joinRoutes(open, context);
    peerRoutes(open, context);
    open.get("/openapi.json", { schema: { security: [] } }, () => app.swagger());
  });
}
