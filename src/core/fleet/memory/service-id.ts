/** The parts of an instance's service id. */
import { assert } from "../../assert.ts";
import { type NodeId, nodeOfInstance, type ServiceId } from "../../ids.ts";

/** The deployment and the node of the service `<type>:<deployment>@<node>`. */
export function partsOfInstance(service: ServiceId): {
  readonly deployment: string;
  readonly node: NodeId;
} {
  const node = nodeOfInstance(service);
  assert(node !== undefined, `"${service}" is the service of an instance`);
  const deployment = service.slice(service.indexOf(":") + 1, service.lastIndexOf("@"));
  return { deployment, node };
}
