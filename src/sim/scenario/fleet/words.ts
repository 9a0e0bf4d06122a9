/** The words of a scenario's steps that are about fleets; `write-fleet.ts` is the way back. */
import * as z from "zod";
import type { RolloutOrder } from "../../../core/fleet/model/rollout.ts";
import { rolloutOrders } from "../../../core/fleet/model/rollout.ts";
import { propertiesField } from "../../../wire/fleet/common.ts";
import type { WordSchema } from "../steps/step-action.ts";
import type { References } from "../yaml/names.ts";
import { partName } from "../yaml/schemas.ts";
import {
  definitionOf,
  definitionSchema,
  deploymentField,
  numberField,
  offlineSchema,
  packageField,
  policyField,
  serviceField,
} from "./schemas.ts";

type Words = readonly (readonly [string, WordSchema])[];

/** Every word with its schema. */
export function fleetWords(references: References): Words {
  return [
    ...groupWords(references),
    ...versionWords(references),
    ...deploymentWords(),
    ...agentWords(),
  ];
}

function groupWords({ node }: References): Words {
  return [
    [
      "put ha group",
      z
        .strictObject({ name: partName, whenMembersOffline: offlineSchema })
        .transform((group) => [{ kind: "put-ha-group", group }] as const),
    ],
    ["remove ha group", partName.transform((name) => [{ kind: "remove-ha-group", name }] as const)],
    [
      "join ha group",
      z
        .strictObject({ node, name: partName })
        .transform(
          ({ node: id, name: group }) => [{ kind: "ha-member", node: id, group }] as const,
        ),
    ],
    [
      "leave ha group",
      node.transform((id) => [{ kind: "ha-member", node: id, group: undefined }] as const),
    ],
    [
      "properties",
      z
        .strictObject({ node, set: propertiesField.default({}) })
        .transform(
          ({ node: id, set }) => [{ kind: "set-properties", node: id, properties: set }] as const,
        ),
    ],
  ];
}

function versionWords(references: References): Words {
  const service = serviceField;
  const version = numberField;
  return [
    [
      "define",
      z.unknown().transform((value, context) => {
        const { service: named, version: number, ...rest } = { ...Object(value) };
        const of = z
          .strictObject({ service, version })
          .safeParse({ service: named, version: number });
        const fields = definitionSchema(references).safeParse(rest);
        if (of.success && fields.success) {
          return [
            { kind: "put-definition", definition: definitionOf(of.data, fields.data) },
          ] as const;
        }
        for (const issue of [...(of.error?.issues ?? []), ...(fields.error?.issues ?? [])]) {
          context.addIssue({ code: "custom", path: [...issue.path], message: issue.message });
        }
        return z.NEVER;
      }),
    ],
    [
      "undefine",
      z
        .strictObject({ service, version })
        .transform(
          ({ service: of, version: number }) =>
            [{ kind: "remove-definition", of, version: number }] as const,
        ),
    ],
  ];
}

function deploymentWords(): Words {
  const order = (which: RolloutOrder): Words[number] => [
    `${which} rollout`,
    partName.transform((deployment) => [{ kind: "rollout", deployment, order: which }] as const),
  ];
  return [
    [
      "deploy",
      deploymentField.transform((deployment) => [{ kind: "put-deployment", deployment }] as const),
    ],
    [
      "remove deployment",
      partName.transform((name) => [{ kind: "remove-deployment", name }] as const),
    ],
    ...rolloutOrders.map(order),
  ];
}

function agentWords(): Words {
  return [
    [
      "push package",
      packageField.transform((found) => [{ kind: "put-package", package: found }] as const),
    ],
    ["put policy", policyField.transform((policy) => [{ kind: "put-policy", policy }] as const)],
    ["remove policy", partName.transform((name) => [{ kind: "remove-policy", name }] as const)],
  ];
}
