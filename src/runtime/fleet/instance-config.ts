/** What the service record of an instance says: the definition of its version, with the deployment's inputs. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { RequestedState } from "../../core/model/service.ts";
import type { DefinitionConfig } from "../../wire/fleet/definitions.ts";
import { type StoredServiceConfig, storedServiceConfigSchema } from "../../wire/service-config.ts";

export interface InstanceParts {
  readonly service: ServiceId;
  readonly node: NodeId;
  readonly requested: RequestedState;
  readonly definition: DefinitionConfig;
  /** Of the deployment; what is not given has the definition's default. */
  readonly inputs: Readonly<Record<string, string | number | boolean>>;
}

/** An instance can run nowhere else, so it keeps running without a control plane (S3). */
export function instanceConfigOf(parts: InstanceParts): StoredServiceConfig {
  const { service, node, requested, definition, inputs } = parts;
  const { process, maxRestart, limits, description } = definition;
  return storedServiceConfigSchema.parse({
    id: service,
    state: requested,
    node,
    maxRestart,
    maxRelocate: 0,
    onIsolation: "keep",
    autoRebalance: false,
    limits,
    description,
    process:
      process === undefined
        ? undefined
        : { ...process, environment: { ...process.environment, ...valuesOf(definition, inputs) } },
  });
}

/** As a process finds them in its environment. */
function valuesOf(
  definition: DefinitionConfig,
  inputs: InstanceParts["inputs"],
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const { name, default: fallback } of definition.inputs) {
    const value = inputs[name] ?? fallback;
    if (value !== undefined) values[name] = String(value);
  }
  return values;
}
