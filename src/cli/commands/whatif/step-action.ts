/** What a step of `apply` does to a cluster in a play. Loads the simulator. */
import { assertNever } from "../../../core/assert.ts";
import type { Action } from "../../../sim/plan.ts";
import { rulePlanOf, servicePlanOf } from "../../../sim/whatif/cluster-plan.ts";
import { storedServiceConfigSchema } from "../../../wire/service-config.ts";
import type { PlanStep } from "../../plan.ts";

/**
 * The action of one step; a service that is there already gets its new configuration and runs on. Undefined: it moves
 * nothing that runs.
 */
export function actionOfStep(step: PlanStep): Action | undefined {
  switch (step.kind) {
    case "settings":
      return { kind: "settings", settings: step.settings };
    case "group":
      return { kind: "put-group", group: step.group };
    case "rule":
      return { kind: "put-rule", rule: rulePlanOf(step.rule) };
    case "service": {
      const config = storedServiceConfigSchema.parse(step.service.config);
      return { kind: "add", service: servicePlanOf(config.id, config), running: false };
    }
    case "ha-group":
    case "definition":
    case "deployment":
      return undefined;
    default:
      return assertNever(step);
  }
}
