/** What an explanation says more, and less, of a service that is an instance of a deployment. */
import { whyInstance } from "../../../core/fleet/why.ts";
import { type NodeId, nodeOfInstance, type ServiceId } from "../../../core/ids.ts";
import type { InstantMs } from "../../../core/time.ts";
import type { Why } from "../../../wire/api.ts";
import type { ViewTables } from "../view-tables.ts";
import { fleetStateOf } from "./fleet-state.ts";
import { instanceResource } from "./instance-resource.ts";

/** The deployment that an instance's service belongs to; undefined: it is no instance. */
export function deploymentOfInstance(service: ServiceId): string | undefined {
  if (nodeOfInstance(service) === undefined) return undefined;
  return service.slice(service.indexOf(":") + 1, service.lastIndexOf("@"));
}

/** The explanation as it holds for an instance; that of any other service is what it was. */
export function withFleetReasons(
  tables: ViewTables,
  service: ServiceId,
  why: Why,
  now: InstantMs,
): Why {
  const node = nodeOfInstance(service);
  const deployment = deploymentOfInstance(service);
  if (node === undefined || deployment === undefined) return why;
  const look = `see all its instances: holdfast deployment status ${deployment}`;
  return {
    ...why,
    rules: [
      `it is the instance of deployment "${deployment}" on node "${node}", and runs nowhere else`,
      ...fleetSentences(tables, { deployment, node }, now),
      ...why.rules,
    ],
    nodes: why.nodes.filter((verdict) => verdict.node === node),
    // People cannot start or stop it by itself.
    next: [...why.next.filter((step) => !/holdfast service (?:start|disable)/.test(step)), look],
  };
}

function fleetSentences(
  tables: ViewTables,
  subject: { readonly deployment: string; readonly node: NodeId },
  now: InstantMs,
): string[] {
  const { deployment, node } = subject;
  const { sentence } = whyInstance(fleetStateOf(tables, deployment, now), subject, now);
  const givenUp = instanceResource(tables, deployment, node)?.givenUp ?? [];
  return [
    sentence,
    ...givenUp.map((line) => `version ${line.version} was given up here: ${line.because}`),
  ];
}
