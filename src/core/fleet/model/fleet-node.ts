/** What the fleet knows of nodes and of HA groups. */
import type { Constraint, Properties } from "../../constraints/constraint.ts";
import type { NodeId } from "../../ids.ts";
import type { NodeMode } from "../../model/node-mode.ts";

/** A registered node, as deployments and management policies see it. */
export interface FleetRegistration {
  readonly id: NodeId;
  /** Only a `device` can be in an HA group. */
  readonly type: "device" | "cluster";
  /** Built in ones and those that people have set; a built-in name is never anything else. */
  readonly properties: Properties;
  /** What it asks of deployments and services; undefined: nothing. */
  readonly constraint: Constraint | undefined;
  /** Version of the agent that its lease was last granted to. */
  readonly agentVersion: string;
  /** A person asked for maintenance: no upgrade is begun there. */
  readonly maintenance: boolean;
  /** What a person wants of it as a whole: it gets new instances only while it is enabled. */
  readonly mode: NodeMode;
}

/** A set of nodes of which at most one may be upgrading at a time (S7). */
export interface HaGroup {
  readonly name: string;
  /** `wait`: nobody in it is upgraded while another member is offline. `continue`: that is only warned of. */
  readonly whenMembersOffline: "continue" | "wait";
}
