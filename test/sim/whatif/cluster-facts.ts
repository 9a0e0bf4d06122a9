/** Makes what the API says of a cluster, for tests that have no server. */

import type { ClusterFacts } from "../../../src/sim/whatif/cluster-plan.ts";
import type { ClusterStatus, NodeResource, ServiceResource } from "../../../src/wire/api.ts";
import {
  type GroupInput,
  groupSchema,
  type RuleInput,
  ruleSchema,
} from "../../../src/wire/placement.ts";
import { type ServiceConfigInput, serviceConfigSchema } from "../../../src/wire/service-config.ts";
import { type SettingsInput, settingsSchema, timesOf } from "../../../src/wire/settings.ts";

export const gibibyte = 1_024 ** 3;

/** A service where it runs; without a node it was never placed. */
export interface Placed {
  readonly id: string;
  readonly node?: string;
  readonly config?: Partial<ServiceConfigInput>;
  readonly resource?: Partial<ServiceResource>;
}

export interface FactsInput {
  readonly nodes?: readonly (Partial<NodeResource> & { readonly id: string })[];
  readonly services: readonly Placed[];
  readonly settings?: SettingsInput;
  readonly groups?: readonly GroupInput[];
  readonly rules?: readonly RuleInput[];
  readonly status?: Partial<ClusterStatus>;
}

/** Three nodes that are online, with `services` running where they are said to. */
export function factsOf(input: FactsInput): ClusterFacts {
  const settings = settingsSchema.parse(input.settings ?? {});
  const nodes = input.nodes ?? [{ id: "node1" }, { id: "node2" }, { id: "node3" }];
  return {
    status: {
      revision: 100,
      version: "0",
      serverId: "server",
      manager: "server",
      settings,
      times: timesOf(settings),
      arming: { revision: 0, mode: "armed", state: "armed", waitsFor: [] },
      rejectedRules: [],
      nodes: nodes.map(nodeOf),
      services: input.services.map(serviceOf),
      ...input.status,
    },
    groups: (input.groups ?? []).map((group) => groupSchema.parse(group)),
    rules: (input.rules ?? []).map((rule) => ruleSchema.parse(rule)),
  };
}

function nodeOf(node: Partial<NodeResource> & { readonly id: string }): NodeResource {
  return {
    revision: 1,
    type: "device",
    state: "online",
    epoch: 7,
    leased: true,
    confirmedOffEpoch: 0,
    agentVersion: "0",
    properties: {},
    maintenance: false,
    mode: "enabled",
    agentMode: "active",
    taints: [],
    services: [],
    sinceMs: 0,
    reason: "it holds a lease",
    ...node,
  };
}

function serviceOf({ id, node, config, resource }: Placed): ServiceResource {
  const parsed = serviceConfigSchema.parse({ process: { command: "/bin/true" }, ...config, id });
  return {
    id,
    type: "process",
    revision: 50,
    config: parsed,
    requested: parsed.state,
    removing: false,
    state: node === undefined ? "queued" : "started",
    ...(node === undefined ? {} : { node, uid: `40.${id}` }),
    failedNodes: [],
    running: node === undefined ? "unknown" : "running",
    health: "none",
    detail: "",
    applied: true,
    sinceMs: 1_700_000_000_000,
    reason: "it runs",
    ...resource,
  };
}
