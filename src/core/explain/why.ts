/** Answers "why is this service where it is": a summary, a verdict on every node, and what a person can do. */
import { assertNever } from "../assert.ts";
import { compareIds, type NodeId, type ServiceId } from "../ids.ts";
import { type Freeze, freezeWords } from "../model/freeze.ts";
import type { NodeState } from "../model/node.ts";
import { isPlaced, type ServiceStatus } from "../model/service.ts";
import type { Refusal } from "../placement/select-node.ts";
import type { Reason } from "./reason.ts";
import { sentenceOf } from "./sentence.ts";
import { spanOf } from "./sentences/words.ts";

export interface WhyInput {
  readonly service: ServiceId;
  /** Undefined: the manager has not seen it yet. */
  readonly status: ServiceStatus | undefined;
  /** What holds it up now, if that is more than its status says. */
  readonly hold: Reason | undefined;
  readonly nodes: readonly WhyNode[];
  /** What rules, order and limits mean for it, each as a sentence. */
  readonly rules: readonly string[];
  /** The cluster acts by itself. */
  readonly armed: boolean;
  /** The cluster is frozen; undefined: it is not. */
  readonly freeze: Freeze | undefined;
  /** A lost node is taken out of the cluster after so long; 0: never. */
  readonly purgeAfterMs: number;
}

/** A node, as far as an explanation needs it. */
export interface WhyNode {
  readonly id: NodeId;
  readonly state: NodeState;
  /** Services that count as load there. */
  readonly serviceCount: number;
  /** A person has put it offline. */
  readonly isOffline: boolean;
  /** Why the node is closed to the service, whatever the rules say. */
  readonly closed: string | undefined;
  /** Why placement would not take the node, though it is online. */
  readonly refusal: Refusal | undefined;
}

/** What becomes of a node. `less-preferred`: it would do, were there no better ones. */
export const verdicts = ["here", "allowed", "less-preferred", "refused"] as const;
export type Verdict = (typeof verdicts)[number];

/** What stands for or against one node, as a sentence. */
export interface NodeVerdict {
  readonly node: NodeId;
  readonly verdict: Verdict;
  readonly sentence: string;
}

/** The answer for a person. */
export interface Explanation {
  readonly summary: string;
  readonly rules: readonly string[];
  /** In order of name. */
  readonly nodes: readonly NodeVerdict[];
  /** Commands or deeds for a person, most useful first; empty when there is nothing to do. */
  readonly next: readonly string[];
}

/** Explains a service's state from the facts that the manager decides with. */
export function explainService(input: WhyInput): Explanation {
  const nodes = [...input.nodes].sort((left, right) => compareIds(left.id, right.id));
  return {
    summary: summaryOf(input),
    rules: [...freezeSentences(input.freeze), ...input.rules],
    nodes: nodes.map((node) => verdictOn(node, input.status)),
    next: nextSteps(input),
  };
}

function summaryOf({ service, status, hold }: WhyInput): string {
  if (status === undefined) return `${service} was added and waits for the manager`;
  const where = isPlaced(status) ? ` on node "${status.node}"` : "";
  return `${service} is ${status.state}${where} because ${sentenceOf(hold ?? status.reason)}`;
}

function freezeSentences(freeze: Freeze | undefined): readonly string[] {
  if (freeze === undefined) return [];
  const what =
    freeze.failover === "held"
      ? "it is not changed, moved or recovered until that ends"
      : "it is recovered if its node is lost, and not changed or moved otherwise until that ends";
  return [`the cluster is ${freezeWords(freeze)}; ${what}`];
}

function verdictOn(node: WhyNode, status: ServiceStatus | undefined): NodeVerdict {
  const count = `${node.serviceCount} ${node.serviceCount === 1 ? "service" : "services"}`;
  const failed = status?.failedNodes.includes(node.id) === true;
  if (status !== undefined && isPlaced(status) && status.node === node.id) {
    const closed = node.closed === undefined ? "" : `, but closed to it: ${node.closed}`;
    const sentence = `it belongs here; node is ${node.state}${closed}`;
    return { node: node.id, verdict: "here", sentence };
  }
  if (node.state !== "online") {
    const closed = node.isOffline ? ", and a person has put it offline" : "";
    return { node: node.id, verdict: "refused", sentence: `node is ${node.state}${closed}` };
  }
  if (node.refusal?.isLessPreferred === false) {
    return { node: node.id, verdict: "refused", sentence: node.refusal.sentence };
  }
  if (failed) {
    return { node: node.id, verdict: "refused", sentence: "it failed to start here already" };
  }
  if (node.refusal !== undefined) {
    return { node: node.id, verdict: "less-preferred", sentence: node.refusal.sentence };
  }
  return { node: node.id, verdict: "allowed", sentence: `online with ${count}` };
}

function nextSteps(input: WhyInput): readonly string[] {
  const { service, status, hold, nodes, armed, freeze, purgeAfterMs } = input;
  if (freeze?.failover === "held") return ["end the freeze: holdfast cluster unfreeze"];
  if (!armed) return ["have the cluster act again: holdfast cluster arm"];
  if (status === undefined) return [];
  if (hold?.code === "node-mode")
    return [`have it watched again: holdfast node enable ${hold.node}`];
  const nodeless = nodes.every((node) => node.state !== "online");
  switch (status.state) {
    case "error":
      return [
        `read its output: holdfast service logs ${service}`,
        `mend the cause, then: holdfast service disable ${service} && holdfast service start ${service}`,
      ];
    case "fence":
      if (status.reason.code !== "waits-for-confirmation") return [];
      return confirmSteps(status.node);
    case "freeze":
      return confirmSteps(status.node);
    case "queued":
    case "recovery":
      if (hold !== undefined || status.reason.code === "cold-start") return [];
      if (status.reason.code === "waits-for-volumes") {
        return volumeSteps(status.reason.node, purgeAfterMs);
      }
      if (nodeless) return ["bring a node online: holdfast node list shows them"];
      return ["no node is permitted and has room: see the verdicts on the nodes"];
    case "ignored":
      return [`have it managed again: holdfast service start ${service}`];
    case "stopped":
      if (status.reason.code === "requirement-lost") return [seeWhy(status.reason.service)];
      return [`start it: holdfast service start ${service}`];
    case "request_start":
      if (status.reason.code === "no-other-node") return closedSteps(status.reason.node);
      return status.reason.code === "waits-for" ? [seeWhy(status.reason.service)] : [];
    case "started":
      return status.reason.code === "no-other-node" ? closedSteps(status.reason.node) : [];
    case "request_start_balance":
    case "request_stop":
    case "migrate":
    case "relocate":
      return [];
    default:
      return assertNever(status);
  }
}

function confirmSteps(node: NodeId): readonly string[] {
  return [
    `bring node "${node}" back, or make sure that it is off and then: holdfast node confirm-off ${node}`,
  ];
}

function seeWhy(service: ServiceId): string {
  return `see why ${service} does not run: holdfast why ${service}`;
}

function closedSteps(node: NodeId): readonly string[] {
  return [`bring another node online, or open node "${node}": holdfast node show ${node}`];
}

function volumeSteps(node: NodeId, purgeAfterMs: number): readonly string[] {
  const steps = [
    `bring node "${node}" back: what the volumes hold is there`,
    `or give up what they hold: holdfast node remove ${node}`,
  ];
  if (purgeAfterMs === 0) return steps;
  return [
    ...steps,
    `or wait: a node that is lost for ${spanOf(purgeAfterMs)} is given up by itself`,
  ];
}
