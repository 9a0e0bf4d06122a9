/**
 * The words of a scenario's steps, such as `power off: node1`: for each the form of its value and the actions that it
 * stands for. `write-step.ts` is the way back; the two are tested against each other.
 */
import * as z from "zod";
import type { NodeId, ServiceId } from "../../../core/ids.ts";
import { armingModes } from "../../../core/manager/event.ts";
import { nodeOrders } from "../../../core/model/node-mode.ts";
import type { RequestedState } from "../../../core/model/service.ts";
import { faultsOfIssue } from "../../../wire/errors.ts";
import { clockErrorPpmMax } from "../../plan.ts";
import { fleetWords } from "../fleet/words.ts";
import { fieldOf, type References } from "../yaml/names.ts";
import {
  duration,
  groupOf,
  groupSchema,
  misbehaviourFields,
  misbehaviourOf,
  partName,
  ruleOf,
  ruleSchema,
  size,
} from "../yaml/schemas.ts";
import { readAdded } from "./added-service.ts";
import type { StepAction, WordSchema } from "./step-action.ts";

const restartAfterMsDefault = 1_000;
const lockDefault = "backup";
const roundsMax = 10_000;
const amount = z.number().min(0);

/** Every word with its schema. */
export function createWords(references: References): ReadonlyMap<string, WordSchema> {
  return new Map([
    ...machineWords(references),
    ...processWords(references),
    ...faultWords(references),
    ...serviceWords(references),
    ...orderWords(references),
    ...fleetWords(references),
    ...clusterWords(references),
  ]);
}

type Words = readonly (readonly [string, WordSchema])[];

/** One action for each node that is named. */
function forNodes(references: References, action: (node: NodeId) => StepAction): WordSchema {
  return references.nodes.transform((nodes) => nodes.map(action));
}

function forServices(
  references: References,
  action: (service: ServiceId) => StepAction,
): WordSchema {
  return references.services.transform((services) => services.map(action));
}

/** A map of fields that stands for one action. */
function fields<Shape extends z.ZodRawShape>(
  shape: Shape,
  actions: (value: z.output<z.ZodObject<Shape, z.core.$strict>>) => readonly StepAction[],
): WordSchema {
  return z.strictObject(shape).transform(actions);
}

function machineWords(references: References): Words {
  const { node } = references;
  const switched = (kind: "power" | "network" | "maintenance"): Words =>
    [true, false].map((on) => [
      `${kind} ${on ? "on" : "off"}`,
      forNodes(references, (id) => ({ kind, node: id, on })),
    ]);
  const cut = (on: boolean): WordSchema =>
    byField("between", {
      with: fields({ between: z.tuple([node, node]) }, ({ between: [from, to] }) => [
        { kind: "cut", from, to, on },
        { kind: "cut", from: to, to: from, on },
      ]),
      without: fields({ from: node, to: node }, ({ from, to }) => [{ kind: "cut", from, to, on }]),
    });
  return [
    ...switched("power"),
    ...switched("network"),
    ...switched("maintenance"),
    ["cut", cut(true)],
    ["mend", cut(false)],
    [
      "link",
      fields(
        {
          node,
          delay: duration.optional(),
          loss: z.number().min(0).max(1).default(0),
          jitter: duration.optional(),
        },
        ({ node: id, delay = 0, loss, jitter = 0 }) => [
          { kind: "link", node: id, delayMs: delay, lossShare: loss, jitterMs: jitter },
        ],
      ),
    ],
    [
      "clock",
      fields(
        { node, ppm: z.number().min(-clockErrorPpmMax).max(clockErrorPpmMax) },
        ({ node: id, ppm }) => [{ kind: "clock", node: id, ppm }],
      ),
    ],
    ...nodeOrders.map((order): Words[number] => [
      `${order} node`,
      forNodes(references, (id) => ({ kind: "node-mode", node: id, order })),
    ]),
    ["taint", tainted(references, true)],
    ["untaint", tainted(references, false)],
    ["remove node", forNodes(references, (id) => ({ kind: "remove-node", node: id }))],
    ["confirm off", forNodes(references, (id) => ({ kind: "confirm-off", node: id }))],
    ["reboot", forNodes(references, (id) => ({ kind: "reboot", node: id }))],
    ["shutdown", forNodes(references, (id) => ({ kind: "shutdown", node: id }))],
  ];
}

function tainted(references: References, on: boolean): WordSchema {
  return fields({ node: references.node, name: partName }, ({ node, name }) => [
    { kind: "taint", node, name, on },
  ]);
}

function processWords(references: References): Words {
  const { node } = references;
  const paused = (["agent", "server", "guard"] as const).flatMap(
    (part): Words => [
      [
        `pause ${part}`,
        forNodes(references, (id) => ({ kind: "pause", node: id, part, on: true })),
      ],
      [
        `resume ${part}`,
        forNodes(references, (id) => ({ kind: "pause", node: id, part, on: false })),
      ],
    ],
  );
  const crash = (part: "agent" | "server"): WordSchema =>
    shortOr(
      forNodes(references, (id) => ({
        kind: "crash",
        node: id,
        part,
        restartAfterMs: restartAfterMsDefault,
      })),
      fields({ node, restartAfter: duration }, ({ node: id, restartAfter }) => [
        { kind: "crash", node: id, part, restartAfterMs: restartAfter },
      ]),
    );
  return [
    ...paused,
    ["crash agent", crash("agent")],
    ["crash server", crash("server")],
    [
      "crash manager",
      fields(
        { afterWrites: z.int().min(0).default(1), restartAfter: duration },
        ({ afterWrites, restartAfter }) => [
          { kind: "crash-manager", afterWrites, restartAfterMs: restartAfter },
        ],
      ),
    ],
    ["restart agent", forNodes(references, (id) => ({ kind: "restart-agent", node: id }))],
    ["stop server", forNodes(references, (id) => ({ kind: "stop-server", node: id }))],
    [
      "skip rounds",
      fields(
        {
          part: z.enum(["manager", "agents"]),
          node: node.optional(),
          count: z.int().min(1).max(roundsMax).default(1),
        },
        ({ part, node: id, count }) => [{ kind: "skip-rounds", part, node: id, count }],
      ),
    ],
  ];
}

/** Names alone, or a map with more to say. */
function shortOr(short: WordSchema, long: WordSchema): WordSchema {
  return choose((value) => {
    const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
    return isMap ? long : short;
  });
}

/** One form where the map has a field of that name, else the other. */
function byField(
  name: string,
  forms: { readonly with: WordSchema; readonly without: WordSchema },
): WordSchema {
  return choose((value) => (fieldOf(value, name) === undefined ? forms.without : forms.with));
}

/** The schema that fits the value tells what is wrong with it, which a union of schemas does not. */
function choose(schemaFor: (value: unknown) => WordSchema): WordSchema {
  return z.unknown().transform((value, context) => {
    const parsed = schemaFor(value).safeParse(value);
    if (parsed.success) return parsed.data;
    for (const fault of parsed.error.issues.flatMap(faultsOfIssue)) {
      context.addIssue({ code: "custom", path: [...fault.path], message: fault.message });
    }
    return z.NEVER;
  });
}

const storeModes = ["ok", "unavailable", "slow", "read-only"] as const;

function faultWords(references: References): Words {
  const { node, service } = references;
  const mode = z.enum(storeModes);
  return [
    [
      "store",
      shortOr(
        mode.transform((found) => [{ kind: "store", mode: found, server: undefined }] as const),
        fields({ mode, server: node.optional() }, ({ mode: found, server }) => [
          { kind: "store", mode: found, server },
        ]),
      ),
    ],
    [
      "driver",
      fields(
        { service, ...misbehaviourFields(references), hangs: z.boolean().default(false) },
        ({ service: id, hangs, ...said }) => [
          { kind: "driver", service: id, misbehaviour: misbehaviourOf(said), hangs },
        ],
      ),
    ],
    ["workload exits", forServices(references, (id) => ({ kind: "workload-exit", service: id }))],
    [
      "lock",
      shortOr(
        forServices(references, (id) => ({ kind: "lock", service: id, name: lockDefault })),
        fields({ service, name: z.string().min(1).max(100) }, ({ service: id, name }) => [
          { kind: "lock", service: id, name },
        ]),
      ),
    ],
    ["unlock", forServices(references, (id) => ({ kind: "lock", service: id, name: undefined }))],
  ];
}

function serviceWords(references: References): Words {
  const { service, node } = references;
  const figures = (kind: "limits" | "usage"): WordSchema =>
    fields(
      { service, cpuCores: amount.optional(), memory: size.optional() },
      ({ service: id, cpuCores, memory: memoryBytes }) => [
        { kind, service: id, cpuCores, memoryBytes },
      ],
    );
  return [
    ["add", readAdded(references)],
    ["remove", forServices(references, (id) => ({ kind: "remove", service: id, release: false }))],
    ["release", forServices(references, (id) => ({ kind: "remove", service: id, release: true }))],
    [
      "located",
      fields({ service, node }, ({ service: id, node: at }) => [
        { kind: "located", service: id, node: at },
      ]),
    ],
    ["limits", figures("limits")],
    ["usage", figures("usage")],
  ];
}

function orderWords(references: References): Words {
  const { service, node } = references;
  const request = (state: RequestedState): WordSchema =>
    forServices(references, (id) => ({ kind: "request", service: id, state }));
  const move = (by: "migrate" | "relocate"): WordSchema =>
    fields({ service, to: node }, ({ service: id, to }) => [
      { kind: "move", service: id, by, target: to },
    ]);
  return [
    ["start", request("started")],
    [
      "stop",
      shortOr(
        request("stopped"),
        fields({ service, timeout: duration }, ({ service: id, timeout }) => [
          { kind: "stop", service: id, timeoutMs: timeout },
        ]),
      ),
    ],
    ["disable", request("disabled")],
    ["ignore", request("ignored")],
    ["migrate", move("migrate")],
    ["relocate", move("relocate")],
  ];
}

function clusterWords(references: References): Words {
  const name = { name: partName };
  const rule = ruleSchema(references);
  return [
    ["arming", z.enum(armingModes).transform((mode) => [{ kind: "arming", mode }] as const)],
    [
      "freeze",
      fields(
        { failover: z.enum(["goes-on", "held"]).default("goes-on"), lasting: duration.optional() },
        ({ failover, lasting }) => [{ kind: "freeze", failover, forMs: lasting }],
      ),
    ],
    ["unfreeze", z.literal("cluster").transform(() => [{ kind: "unfreeze" }] as const)],
    [
      "put group",
      groupSchema(references)
        .extend(name)
        .transform((group) => [{ kind: "put-group", group: groupOf(group.name, group) }] as const),
    ],
    [
      "put rule",
      z
        .discriminatedUnion("type", [rule.options[0].extend(name), rule.options[1].extend(name)])
        .transform((found) => [{ kind: "put-rule", rule: ruleOf(found.name, found) }] as const),
    ],
    [
      "remove group",
      partName.transform((found) => [{ kind: "remove-group", name: found }] as const),
    ],
    ["remove rule", partName.transform((found) => [{ kind: "remove-rule", name: found }] as const)],
    [
      "settings",
      z
        .record(z.string(), z.unknown())
        .transform((change) => [{ kind: "settings-change", change }] as const),
    ],
  ];
}
