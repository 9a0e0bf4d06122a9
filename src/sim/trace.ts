/** What a play prints: one object a line. `t` is in seconds of virtual time. */
import type { NodeId, ServiceId } from "../core/ids.ts";

export type TraceLine =
  | { readonly kind: "scenario"; readonly name: string }
  /** The manager changed a service's state; `managed`, `unmanaged`: taken under management, or dropped. */
  | {
      readonly t: number;
      readonly kind: "decision";
      readonly service: ServiceId;
      readonly state: string;
      readonly node?: NodeId;
      readonly target?: NodeId;
      /** The reason as a sentence. */
      readonly reason: string;
    }
  | {
      readonly t: number;
      readonly kind: "action";
      readonly service: ServiceId;
      readonly action: "start" | "stop" | "migrate" | "relocate" | "move";
      readonly phase: "begin" | "ok" | "fail";
      readonly node: NodeId;
      readonly target?: NodeId;
      readonly detail?: string;
    }
  | {
      readonly t: number;
      readonly kind: "node";
      readonly node: NodeId;
      readonly state: string;
      readonly reason: string;
    }
  | { readonly t: number; readonly kind: "fence-acknowledged"; readonly node: NodeId }
  | { readonly t: number; readonly kind: "self-fenced"; readonly node: NodeId }
  /** A step of the scenario was done. */
  | { readonly t: number; readonly kind: "step"; readonly do: string }
  /** Who is manager now. */
  | { readonly t: number; readonly kind: "manager"; readonly node: NodeId }
  /** Anything else that explains what happens. */
  | { readonly t: number; readonly kind: "note"; readonly about: string; readonly sentence: string }
  /** What the manager did about a deployment, an HA group, a node or a policy; `subject` is its name. */
  | {
      readonly t: number;
      readonly kind: "fleet";
      readonly about: "deployment" | "node" | "ha-group" | "policy";
      readonly subject: string;
      readonly sentence: string;
    }
  /** A safety rule was broken: never, unless a part was broken on purpose. */
  | {
      readonly t: number;
      readonly kind: "violation";
      readonly rule: string;
      readonly sentence: string;
    };
