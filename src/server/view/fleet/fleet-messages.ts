/** What a watch tells of deployments, rollouts and instances: all that there is, then what a change concerns. */
import { compareIds, type NodeId, nodeOfInstance, type ServiceId } from "../../../core/ids.ts";
import { keys } from "../../../wire/records.ts";
import type { SseMessage } from "../../http/sse.ts";
import type { ViewTables } from "../view-tables.ts";
import { deploymentResource, deploymentResources, rolloutResource } from "./deployment-resource.ts";
import { instanceResource, instanceResources } from "./instance-resource.ts";

/** The facts of a change that are looked at here. */
interface FleetChange {
  readonly services: ReadonlySet<ServiceId>;
  readonly changedKeys: readonly string[];
}

/** What a watch of these kinds begins with. */
export function fleetBeginning(tables: ViewTables, kinds: ReadonlySet<string>): SseMessage[] {
  const messages: SseMessage[] = [];
  const names = [...tables.deployments.keys()].sort(compareIds);
  if (kinds.has("deployment")) {
    for (const data of deploymentResources(tables)) messages.push({ event: "deployment", data });
  }
  if (kinds.has("rollout")) {
    for (const key of [...tables.rollouts.keys()].sort(compareIds)) {
      messages.push(messageOf("rollout", key, rolloutResource(tables, key)));
    }
  }
  if (kinds.has("instance")) {
    for (const data of names.flatMap((name) => instanceResources(tables, name))) {
      messages.push({ event: "instance", data });
    }
  }
  return messages;
}

/** What a change has to do with them; the tables show it already. */
export function fleetMessages(tables: ViewTables, change: FleetChange): SseMessage[] {
  const instances = new Set<string>();
  const messages: SseMessage[] = [];
  for (const service of change.services) {
    const node = nodeOfInstance(service);
    if (node !== undefined) instances.add(instanceIdOfService(service, node));
  }
  for (const key of change.changedKeys) {
    if (key.startsWith(keys.deployments)) {
      const name = key.slice(keys.deployments.length);
      messages.push(messageOf("deployment", name, deploymentResource(tables, name)));
    } else if (key.startsWith(keys.rollouts)) {
      const id = key.slice(keys.rollouts.length);
      messages.push(messageOf("rollout", id, rolloutResource(tables, id)));
    } else if (key.startsWith(keys.instances)) {
      instances.add(key.slice(keys.instances.length));
    } else if (key.startsWith(keys.leases)) {
      const node = key.slice(keys.leases.length) as NodeId; // keys below `leases/` are node ids
      for (const service of tables.servicesOn.get(node) ?? []) {
        if (nodeOfInstance(service) === node) instances.add(instanceIdOfService(service, node));
      }
    }
  }
  for (const id of instances) {
    const [deployment = "", node = ""] = id.split("/");
    // The part of an instance's id after the deployment is a node's.
    messages.push(messageOf("instance", id, instanceResource(tables, deployment, node as NodeId)));
  }
  return messages;
}

/** `<deployment>/<node>` of `<type>:<deployment>@<node>`. */
function instanceIdOfService(service: ServiceId, node: NodeId): string {
  const deployment = service.slice(service.indexOf(":") + 1, service.lastIndexOf("@"));
  return `${deployment}/${node}`;
}

function messageOf(
  event: "deployment" | "rollout" | "instance",
  id: string,
  data: object | undefined,
): SseMessage {
  return data === undefined
    ? { event: `${event}-deleted`, data: { id: shownId(event, id) } }
    : { event, data };
}

/** A rollout's key has leading zeros, its id has not. */
function shownId(event: string, id: string): string {
  return event === "rollout" ? id.replace(/\/0*/, "/") : id;
}
