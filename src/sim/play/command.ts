/** What a person can say to a cluster that they play with: deeds, which are recorded, and words about time and sight. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { Action } from "../plan.ts";

/** One command. Durations are of virtual time. */
export type PlayCommand =
  | { readonly kind: "act"; readonly action: Action }
  /** Whoever is manager when it is said. */
  | { readonly kind: "crash-manager" }
  /** Lets time pass at once, however fast that can be computed. */
  | { readonly kind: "run"; readonly forMs: number }
  /** To the next thing that happens. */
  | { readonly kind: "next" }
  | { readonly kind: "back"; readonly byMs: number }
  /** To the moment before the last thing that happened. */
  | { readonly kind: "undo" }
  | { readonly kind: "pause" | "go" }
  /** Virtual time per real time. */
  | { readonly kind: "speed"; readonly factor: number }
  | { readonly kind: "show" | "help" | "quit" }
  | { readonly kind: "why"; readonly service: ServiceId }
  | { readonly kind: "save"; readonly file: string };

/** The names that commands may use. */
export interface PlayNames {
  readonly nodes: readonly NodeId[];
  readonly services: readonly ServiceId[];
}
