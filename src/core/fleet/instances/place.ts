/** Where an instance belongs: its deployment and its node, both known. */
import type { Deployment } from "../model/deployment.ts";
import type { FleetRegistration } from "../model/fleet-node.ts";
import type { Copy } from "../state.ts";

/** An instance with what it belongs to. */
export interface Place {
  readonly copy: Copy;
  readonly deployment: Deployment;
  readonly node: FleetRegistration;
}
