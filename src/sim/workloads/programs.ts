/** How the processes of each version behave, known by the command that starts them. */
import type { NodeId } from "../../core/ids.ts";
import type { ServiceRecord } from "../../wire/records.ts";
import { type DefinitionPlan, goodVersion, type VersionBehaviour } from "../fleet-plan.ts";
import { commandOf } from "../persons/fleet/fleet-records.ts";

/** All versions that were ever added. */
export class Programs {
  readonly #behaviours = new Map<string, VersionBehaviour>();

  constructor(definitions: readonly DefinitionPlan[] = []) {
    for (const definition of definitions) this.add(definition);
  }

  /** A version never changes: what is added again counts as the first one. */
  add(definition: DefinitionPlan): void {
    const command = commandOf(definition);
    if (!this.#behaviours.has(command)) this.#behaviours.set(command, definition.behaviour);
  }

  /** What the configuration of this key does on the node; undefined: it is no version of anything. */
  behaviourOf(restartKey: string, node: NodeId): VersionBehaviour | undefined {
    const behaviour = this.#behaviours.get(restartKey.slice(0, restartKey.lastIndexOf(" ")));
    if (behaviour === undefined) return undefined;
    const isElsewhere = behaviour.onlyOn !== undefined && !behaviour.onlyOn.includes(node);
    return isElsewhere ? { ...goodVersion, healthyAfterMs: behaviour.healthyAfterMs } : behaviour;
  }
}

/** The same for records between which a running copy need not be restarted: its command and its inputs. */
export function restartKeyOf({ config, instance }: ServiceRecord): string {
  if (instance === undefined) return "";
  return `${config.process?.command ?? ""} ${instance.release.inputsKey}`;
}
