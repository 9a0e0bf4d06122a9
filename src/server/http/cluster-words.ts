/** What `/openapi.json` says about the routes of the cluster as a whole: settings, arming, freeze. */
import type { RouteWords } from "./route-words.ts";

/** By method and path, as in documentation.ts. */
export const clusterWords: Readonly<Record<string, RouteWords>> = {
  "GET /v1/cluster": { operationId: "getCluster", summary: "Everything at one revision" },
  "GET /v1/settings": { operationId: "getSettings", summary: "The settings of the cluster" },
  "PUT /v1/settings": {
    operationId: "putSettings",
    summary: "Change the settings of the cluster",
    conditional: "change",
  },
  "PATCH /v1/settings": {
    operationId: "changeSettings",
    summary: "Change fields of the settings; null sets one back to its default",
    conditional: "change",
  },
  "GET /v1/arming": {
    operationId: "getArming",
    summary: "Whether the cluster acts by itself, and what disarming waits for",
  },
  "PUT /v1/arming": {
    operationId: "putArming",
    summary: "Disarm the cluster (freeze or ignore), or arm it again",
    conditional: "change",
  },
  "GET /v1/freeze": {
    operationId: "getFreeze",
    summary: "Whether the cluster is frozen, by whom, why and until when",
  },
  "PUT /v1/freeze": {
    operationId: "freeze",
    summary: "Refuse all changes by people, until that is ended or its time is over",
    conditional: "change",
  },
  "DELETE /v1/freeze": {
    operationId: "unfreeze",
    summary: "End a freeze, whoever it is of",
    conditional: "change",
  },
};
