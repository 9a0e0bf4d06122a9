/** Gathers what the manager knows about one service for an explanation: the same facts that it decides with. */
import type { Reason } from "../explain/reason.ts";
import { volumes } from "../explain/sentences/words.ts";
import type { WhyInput, WhyNode } from "../explain/why.ts";
import type { ServiceId } from "../ids.ts";
import { isOffline } from "../model/node.ts";
import { isPlaced, type Service, type ServiceStatus } from "../model/service.ts";
import { refusalsOf } from "../placement/select-node.ts";
import { tallyOf } from "./memory/tally.ts";
import { barrierTo, boundNode } from "./moves/barrier.ts";
import { selectInputOf } from "./moves/choose.ts";
import { brakeHold } from "./policy/brake.ts";
import type { ManagerState } from "./state.ts";

/** The facts about a service; `id` need not be known. */
export function whyInputOf(state: ManagerState, id: ServiceId): WhyInput {
  const status = state.statuses.get(id);
  const service = state.services.get(id);
  return {
    service: id,
    status,
    hold: holdOf(state, status),
    nodes: nodesFor(state, id),
    rules: service === undefined ? [] : rulesFor(state, service),
    armed: state.arming === "armed",
    freeze: state.freeze,
    purgeAfterMs: state.settings.purgeAfterMs,
  };
}

/** What holds the service up beside what its status says: the brake, or that nobody is to look after its node. */
function holdOf(state: ManagerState, status: ServiceStatus | undefined): Reason | undefined {
  if (status === undefined || !isPlaced(status)) return undefined;
  if (status.state === "recovery") return brakeHold(state, status);
  const node = state.nodes.get(status.node);
  if (node === undefined || !isOffline(node)) return undefined;
  if (status.state === "error" || status.state === "ignored") return undefined;
  return { code: "node-mode", node: node.id, mode: node.mode };
}

function nodesFor(state: ManagerState, id: ServiceId): readonly WhyNode[] {
  const service = state.services.get(id);
  const status = state.statuses.get(id);
  const placed = status !== undefined && isPlaced(status) ? status : undefined;
  const refusals =
    service === undefined
      ? undefined
      : refusalsOf(selectInputOf(state, service, { status: placed, preference: "best-score" }));
  return [...state.nodes.values()].map((node) => {
    const closed = service === undefined ? undefined : barrierTo(state, service, placed, node.id);
    return {
      id: node.id,
      state: node.state,
      isOffline: isOffline(node),
      serviceCount: tallyOf(state.tallies, node.id).serviceCount,
      closed,
      refusal:
        closed === undefined
          ? refusals?.get(node.id)
          : { isLessPreferred: false, sentence: closed },
    };
  });
}

function rulesFor(state: ManagerState, service: Service): readonly string[] {
  return [
    ...affinitySentences(state, service),
    ...orderSentences(service),
    ...nodeSentences(state, service),
    ...limitSentences(service),
    ...rejectionSentences(state, service),
  ];
}

function affinitySentences(state: ManagerState, service: Service): readonly string[] {
  const sentences: string[] = [];
  const affinity = state.rulebook.nodeAffinity.get(service.id);
  if (affinity !== undefined) {
    const nodes = [...affinity.priorities]
      .sort(([leftId, left], [rightId, right]) => right - left || (leftId < rightId ? -1 : 1))
      .map(([node, priority]) => `${node} (priority ${priority})`)
      .join(", ");
    const kind = affinity.strict ? "may run only on" : "prefers";
    sentences.push(`${affinity.rule}: it ${kind} ${nodes}`);
  }
  const together = state.rulebook.together.get(service.id) ?? [];
  if (together.length > 0) sentences.push(`it runs on the same node as ${together.join(", ")}`);
  const apart = state.rulebook.apart.get(service.id) ?? [];
  if (apart.length > 0) sentences.push(`it never runs on the same node as ${apart.join(", ")}`);
  if (!service.failback && affinity !== undefined) {
    sentences.push("failback is off: it stays where it is when a better node comes back");
  }
  return sentences;
}

function orderSentences(service: Service): readonly string[] {
  const sentences: string[] = [];
  if (service.requires.length > 0) {
    sentences.push(`it cannot do without ${service.requires.join(", ")}`);
  }
  if (service.after.length > 0) sentences.push(`it starts after ${service.after.join(", ")}`);
  return sentences;
}

function nodeSentences(state: ManagerState, service: Service): readonly string[] {
  const sentences: string[] = [];
  if (service.tolerations.length > 0) {
    sentences.push(`it tolerates nodes with the taints ${service.tolerations.join(", ")}`);
  }
  if (service.volumes.length === 0) return sentences;
  const names = volumes(service.volumes);
  const bound = boundNode(state, service, state.statuses.get(service.id));
  const where =
    bound === undefined
      ? "it will be bound to the node that it runs on first"
      : `it is bound to node "${bound}" as long as that is in the cluster`;
  return [...sentences, `by ${names} ${where}`];
}

function limitSentences(service: Service): readonly string[] {
  if (service.limits === undefined) return [];
  const { cpuCores, memoryBytes } = service.limits;
  const memory = `${Math.round(memoryBytes / 1024 ** 2)} MiB`;
  const strict = service.mayOvercommit ? "may be overcommitted" : "a node must have that free";
  return [`it may use ${cpuCores} cores and ${memory} (memory: ${strict})`];
}

function rejectionSentences(state: ManagerState, service: Service): readonly string[] {
  return state.rulebook.rejections
    .filter(({ rule }) => {
      const named = state.rules.get(rule)?.services.includes(service.id);
      return named === true || (service.group !== undefined && rule === `group ${service.group}`);
    })
    .map(({ rule, because }) => `rule "${rule}" is ignored: ${because}`);
}
