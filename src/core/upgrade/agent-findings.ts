/**
 * What speaks against the agents' part of an upgrade. It comes last, hours later maybe, when nobody looks any more: so it is
 * said before.
 */
import { blocking, type Finding, warning } from "./finding.ts";

/** A management policy of a person's that counts before the upgrade's own. */
export interface PolicyBefore {
  readonly name: string;
  /** The version that it wants; undefined: none, for there is no package that would be the latest. */
  readonly wants: string | undefined;
  /** Nodes whose agents stay as it wants them. */
  readonly nodes: readonly string[];
}

/** `offline`: a person has put it so; `away`: its agent does not answer. */
const heldReasons = ["offline", "away", "maintenance"] as const;

/** A node that is held back, with the reason. */
export interface HeldNode {
  readonly node: string;
  readonly because: (typeof heldReasons)[number];
}

/** What was gathered about agents. */
export interface AgentCheckFacts {
  /** Version that agents go back to when the upgrade is taken back, and that no package is kept of; undefined: one is. */
  readonly wayBackMissing: string | undefined;
  /** Nodes whose agents are not upgraded for now. */
  readonly held: readonly HeldNode[];
  readonly policies: readonly PolicyBefore[];
  /** Agents that the new servers would not work with: of nodes that are there, and of those that are away. */
  readonly leftBehind: { readonly there: string | undefined; readonly away: string | undefined };
  readonly isDisarmed: boolean;
}

/** So many names stand in a finding. */
const namesShownMax = 5;

/** All of them. */
export function agentFindings(facts: AgentCheckFacts, ownPolicy: string): readonly Finding[] {
  const { wayBackMissing, held, policies, leftBehind, isDisarmed } = facts;
  const found: Finding[] = policies.map((policy) => ofPolicy(policy, ownPolicy));
  if (leftBehind.there !== undefined) found.push(blocking("agent-skew", "", leftBehind.there));
  if (leftBehind.away !== undefined) found.push(warning("agent-skew", "", leftBehind.away));
  if (isDisarmed) {
    const detail =
      "the cluster is disarmed: no agent is upgraded before it is armed again, with: holdfast cluster arm";
    found.push(warning("disarmed", "", detail));
  }
  if (wayBackMissing !== undefined) {
    const detail = `no signed package of holdfast ${wayBackMissing} is among the bundles: an abort could not bring agents back to it; push it with: holdfast bundle push FILE`;
    found.push(warning("way-back", "", detail));
  }
  return [...found, ...heldReasons.flatMap((because) => ofHeld(held, because))];
}

/** One for all nodes of a reason: a fleet that sleeps is thousands of them. */
function ofHeld(held: readonly HeldNode[], because: HeldNode["because"]): readonly Finding[] {
  const nodes = held.filter((each) => each.because === because).map(({ node }) => node);
  const [first] = nodes;
  if (first === undefined) return [];
  if (nodes.length === 1)
    return [warning("agent-held", first, `it ${wordsOfHeld(because, first)}`)];
  return [warning("agent-held", "", `${shown(nodes)}: each ${wordsOfHeld(because, "NODE")}`)];
}

function wordsOfHeld(because: HeldNode["because"], node: string): string {
  switch (because) {
    case "offline":
      return `was put offline by a person: its agent is upgraded once it is enabled, with: holdfast node enable ${node}`;
    case "away":
      return "is away: its agent is upgraded when it is back";
    case "maintenance":
      return "is in maintenance: its agent is upgraded when that ends";
  }
}

function shown(nodes: readonly string[]): string {
  const more = nodes.length > namesShownMax ? ` and ${nodes.length - namesShownMax} more` : "";
  return `${nodes.slice(0, namesShownMax).join(", ")}${more}`;
}

/** It may be meant so: an upgrade does not wait for these agents. */
function ofPolicy({ name, wants, nodes }: PolicyBefore, ownPolicy: string): Finding {
  const what = wants === undefined ? "knows no version" : `wants holdfast ${wants}`;
  const detail = `this management policy goes before the upgrade's own, "${ownPolicy}", and ${what} for ${shown(nodes)}: their agents are not upgraded; if they are to be, remove it with: holdfast policy remove ${name}`;
  return warning("policy", name, detail);
}
