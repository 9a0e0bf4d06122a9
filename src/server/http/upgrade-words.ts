/** What `/openapi.json` says about the routes of the control plane's own upgrade. */
import type { RouteWords } from "./route-words.ts";

/** By method and path, as in documentation.ts. */
export const upgradeWords: Readonly<Record<string, RouteWords>> = {
  "GET /v1/upgrade": {
    operationId: "getUpgrade",
    summary:
      "The upgrade of the control plane that is under way, or the last one; servers that wait for their store's schema tell it, too, to tokens",
  },
  "POST /v1/upgrade": {
    operationId: "applyUpgrade",
    summary: "Begin an upgrade of the control plane; the manager carries it on",
  },
  "PUT /v1/upgrade/order": {
    operationId: "orderUpgrade",
    summary:
      "Pause, resume or take back the upgrade that is under way; also at servers that wait for their store's schema, with a token",
  },
  "GET /v1/upgrade/check": {
    operationId: "checkUpgrade",
    summary: "What speaks against an upgrade of the control plane now; changes nothing",
  },
};
