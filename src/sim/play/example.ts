/**
 * The cluster that a person plays with when they bring none: three nodes, six services, and so much of groups, rules
 * and order that moving and losing things shows what they do.
 */
import { assert } from "../../core/assert.ts";
import { type NodeId, parseNodeId, parseServiceId, type ServiceId } from "../../core/ids.ts";
import type { Capacity } from "../../core/model/capacity.ts";
import { settingsSchema } from "../../wire/settings.ts";
import type { Plan, ServicePlan } from "../plan.ts";
import { defaultPace, defaultService } from "../scenario/defaults.ts";

/** Virtual time that one session may last; going back replays all of it. */
export const playLengthMsMax = 24 * 3_600_000;

const bootMs = 8_000;

function nodeNamed(text: string): NodeId {
  const node = parseNodeId(text);
  assert(node.ok, "the example's node names are node names");
  return node.value;
}

function serviceNamed(text: string): ServiceId {
  const service = parseServiceId(text);
  assert(service.ok, "the example's service ids are service ids");
  return service.value;
}

const node1 = nodeNamed("node1");
const node2 = nodeNamed("node2");
const node3 = nodeNamed("node3");
const database = serviceNamed("process:postgres");
const cache = serviceNamed("process:redis");
const shop = serviceNamed("process:shop");
const webA = serviceNamed("process:web-a");
const webB = serviceNamed("process:web-b");
const mail = serviceNamed("vm:mail");

const gibibyte = 1_024 ** 3;
const nodeCapacity: Capacity = { cpuCores: 8, memoryBytes: 16 * gibibyte };

function service(id: ServiceId, fields: Partial<ServicePlan>, memoryGiB: number): ServicePlan {
  const limits = { cpuCores: 2, memoryBytes: memoryGiB * gibibyte };
  return { ...defaultService(id, id.slice(0, id.indexOf(":"))), limits, ...fields };
}

/** The example as a plan without any actions. The same seed gives the same chances. */
export function examplePlan(seed: number): Plan {
  return {
    name: "play",
    seed,
    settings: settingsSchema.parse({ profile: "balanced" }),
    pace: { ...defaultPace, bootMs },
    nodes: [node1, node2, node3].map((node) => ({
      node,
      power: "on",
      network: "on",
      capacity: nodeCapacity,
      taints: [],
      server: true,
    })),
    services: [
      service(database, { group: "storage", priority: 100 }, 4),
      service(cache, {}, 1),
      service(shop, { requires: [database], priority: 50 }, 2),
      service(webA, { after: [shop] }, 1),
      service(webB, { after: [shop] }, 1),
      service(mail, {}, 4),
    ],
    groups: [
      {
        name: "storage",
        nodes: [
          { node: node1, priority: 2 },
          { node: node2, priority: 1 },
        ],
        restricted: false,
        nofailback: false,
      },
    ],
    rules: [
      {
        kind: "resource-affinity",
        name: "cache-with-shop",
        services: [cache, shop],
        affinity: "positive",
        disabled: false,
      },
      {
        kind: "resource-affinity",
        name: "webs-apart",
        services: [webA, webB],
        affinity: "negative",
        disabled: false,
      },
    ],
    usage: [],
    initial: undefined,
    actions: [],
    endAtMs: playLengthMsMax,
  };
}
