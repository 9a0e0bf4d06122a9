/** Which nodes have power, who can reach whom, and how long messages take. */
import type { NodeId } from "../../core/ids.ts";
import type { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";

interface Link {
  readonly delayMs: number;
  readonly lossShare: number;
  readonly jitterMs: number;
}

interface Machine {
  powered: boolean;
  connected: boolean;
  /** Counts how often it was switched on: a message reaches the machine as it was when it was sent, or nobody. */
  bootCount: number;
  link: Link | undefined;
}

export interface NetworkOptions {
  readonly schedule: Schedule;
  readonly random: Random;
  /** One way, without faults. */
  readonly messageMs: number;
  readonly nodes: readonly NodeId[];
  /** Nodes with a vote. */
  readonly voters: readonly NodeId[];
}

/** After so long a lost packet of a connection is sent again. */
const resendAfterMs = 200;
const resendCountMax = 30;

/** The network between all nodes. */
export class Network {
  readonly #options: NetworkOptions;
  readonly #machines = new Map<NodeId, Machine>();
  readonly #cuts = new Set<string>();
  readonly #listeners: (() => void)[] = [];
  #quorate = new Map<NodeId, boolean>();
  #loose = false;

  constructor(options: NetworkOptions) {
    this.#options = options;
    for (const node of options.nodes) {
      this.#machines.set(node, {
        powered: false,
        connected: false,
        bootCount: 0,
        link: undefined,
      });
    }
  }

  isPowered(node: NodeId): boolean {
    return this.#machines.get(node)?.powered === true;
  }

  isConnected(node: NodeId): boolean {
    return this.#machines.get(node)?.connected === true;
  }

  /** Calls back after every change of power, network or cuts. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  setPower(node: NodeId, powered: boolean): void {
    const machine = this.#machineOf(node);
    if (machine.powered === powered) return;
    machine.powered = powered;
    if (powered) machine.bootCount += 1;
    this.#changed();
  }

  setConnected(node: NodeId, connected: boolean): void {
    const machine = this.#machineOf(node);
    if (machine.connected === connected) return;
    machine.connected = connected;
    this.#changed();
  }

  setCut(from: NodeId, to: NodeId, cut: boolean): void {
    if (cut) this.#cuts.add(`${from}>${to}`);
    else this.#cuts.delete(`${from}>${to}`);
    this.#changed();
  }

  setLink(node: NodeId, link: Link): void {
    const isPlain = link.delayMs === 0 && link.lossShare === 0 && link.jitterMs === 0;
    this.#machineOf(node).link = isPlain ? undefined : link;
    this.#loose = [...this.#machines.values()].some((machine) => machine.link !== undefined);
  }

  /** Whether a message would get from one node to the other now. */
  passes(from: NodeId, to: NodeId): boolean {
    const source = this.#machineOf(from);
    const target = this.#machineOf(to);
    if (!source.powered || !target.powered) return false;
    if (from === to) return true;
    if (!source.connected || !target.connected) return false;
    return this.#cuts.size === 0 || !this.#cuts.has(`${from}>${to}`);
  }

  /** Whether both can talk to each other. */
  canTalk(left: NodeId, right: NodeId): boolean {
    return this.passes(left, right) && this.passes(right, left);
  }

  /** Whether the node can talk, in both directions, with nodes that are more than half of all voters. */
  isQuorate(node: NodeId): boolean {
    const known = this.#quorate.get(node);
    if (known !== undefined) return known;
    const { voters } = this.#options;
    const heard = voters.filter((voter) => this.canTalk(node, voter)).length;
    const answer = heard * 2 > voters.length;
    this.#quorate.set(node, answer);
    return answer;
  }

  /** One message; it may be lost. On one node it arrives at once. */
  send(from: NodeId, to: NodeId, deliver: () => void): void {
    if (!this.passes(from, to)) return;
    if (from === to) {
      deliver();
      return;
    }
    if (this.#loose && this.isLost(from, to)) return;
    const { bootCount } = this.#machineOf(to);
    const { schedule, messageMs } = this.#options;
    schedule.at(schedule.nowMs + messageMs + this.extraMs(from, to), () => {
      if (this.#machineOf(to).bootCount === bootCount && this.passes(from, to)) deliver();
    });
  }

  /** How long a packet of a connection takes that repeats what was lost. */
  reliableMs(from: NodeId, to: NodeId): number {
    if (from === to) return 0;
    let totalMs = this.#options.messageMs + this.extraMs(from, to);
    for (let count = 0; count < resendCountMax && this.isLost(from, to); count += 1) {
      totalMs += resendAfterMs;
    }
    return totalMs;
  }

  /** Whether chance loses a message between the two. */
  isLost(from: NodeId, to: NodeId): boolean {
    return this.#loose && (this.#losesAt(from) || (from !== to && this.#losesAt(to)));
  }

  /** What faults add to a message's way. */
  extraMs(from: NodeId, to: NodeId): number {
    if (!this.#loose) return 0;
    return this.#delayAt(from) + (from === to ? 0 : this.#delayAt(to));
  }

  #losesAt(node: NodeId): boolean {
    const lossShare = this.#machineOf(node).link?.lossShare ?? 0;
    return lossShare > 0 && this.#options.random.next() < lossShare;
  }

  #delayAt(node: NodeId): number {
    const link = this.#machineOf(node).link;
    if (link === undefined) return 0;
    return link.delayMs + (link.jitterMs > 0 ? this.#options.random.next() * link.jitterMs : 0);
  }

  #machineOf(node: NodeId): Machine {
    const machine = this.#machines.get(node);
    if (machine === undefined) throw new RangeError(`the plan has no node "${node}"`);
    return machine;
  }

  #changed(): void {
    this.#quorate = new Map();
    for (const listener of this.#listeners) listener();
  }
}
