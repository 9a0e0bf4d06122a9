/** What a story is made of: moments, each with lines about someone. How it is drawn is for who shows it. */
import type { NodeId, ServiceId } from "../../core/ids.ts";

/** How a line is meant: `deed`: done by the scenario; `trouble`, `relief`: for worse, for better. */
export type Tone = "deed" | "trouble" | "relief" | "plain" | "aside" | "violation";

export interface StoryLine {
  readonly tone: Tone;
  /** Services or nodes that it is about, or `cluster`; empty: the sentence names them. */
  readonly subjects: readonly string[];
  readonly text: string;
  /** Why, as a sentence; undefined: there is no more to say. */
  readonly because: string | undefined;
}

/** What happens at about the same time. */
export interface Moment {
  readonly atMs: number;
  readonly lines: readonly StoryLine[];
}

/** How one service fared. */
export interface ServiceFate {
  readonly service: ServiceId;
  /** Without a running copy although it was to run, after it had run once. */
  readonly awayMs: number;
  readonly longestAwayMs: number;
  readonly awayCount: number;
  readonly moveCount: number;
  /** Recoveries from a lost node. */
  readonly failoverCount: number;
  /** `off`: it is not to run. */
  readonly end: "runs" | "down" | "never-ran" | "off";
  /** Where it runs at the end. */
  readonly node: NodeId | undefined;
  /** The manager's last word on it. */
  readonly state: string | undefined;
  readonly reason: string | undefined;
  /** Of one that is to run and does not: what stands against each node, as sentences. */
  readonly refusals: readonly { readonly node: NodeId; readonly sentence: string }[];
}

export interface StorySummary {
  readonly lastedMs: number;
  /** In order of id. */
  readonly services: readonly ServiceFate[];
  readonly violations: readonly { readonly rule: string; readonly sentence: string }[];
}
