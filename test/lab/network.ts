/**
 * The lab's switch: a bridge with a port for each host and one for the test itself. Faults are rules of nftables on
 * the bridge, by port and direction, so they lose frames of every kind in silence: TCP, ARP, multicast, any address.
 * tc's netem (delay) is a kernel module that many machines lack; nothing here needs it.
 */
import assert from "node:assert/strict";
import { runTool } from "./command.ts";

const bridge = "lab0";
const subnet = "10.77.0";

/** The side of the test process; it reaches every host unless it is named in a fault. */
export const testSide = "test";

/** As `from` sees it: what it sends is lost, what it would receive is lost, or both. */
export type Direction = "out" | "in" | "both";

/** A host's place at the switch: port number from 2, address and name of the port. */
export interface Port {
  readonly host: string;
  readonly address: string;
  readonly device: string;
  readonly hardwareAddress: string;
}

/** Frames from one side to the other are lost, all or some. */
interface LossRule {
  readonly from: string;
  readonly to: string;
  readonly lossPercent: number;
}

/** A fault that lasts until it is mended. */
export interface Fault {
  /** Idempotent. */
  mend(): Promise<void>;
}

/** What a fault is made of. */
export interface FaultPlan {
  readonly from: string;
  readonly to: readonly string[];
  readonly direction: Direction;
  readonly lossPercent: number;
}

export class LabNetwork {
  readonly #ports: ReadonlyMap<string, Port>;
  readonly #faults = new Set<readonly LossRule[]>();
  #applied: Promise<void> = Promise.resolve();

  constructor(hosts: readonly string[]) {
    assert(hosts.length < 200 && !hosts.includes(testSide), "names of hosts");
    this.#ports = new Map(hosts.map((host, index) => [host, portOf(host, index + 2)]));
  }

  /** The bridge and the test's own address (10.77.0.1). Call once, inside the lab's namespaces. */
  async setUp(): Promise<void> {
    await runTool(["ip", "link", "set", "lo", "up"]);
    await runTool(["ip", "link", "add", bridge, "type", "bridge"]);
    await runTool(["ip", "addr", "add", `${subnet}.1/24`, "dev", bridge]);
    await runTool(["ip", "link", "set", bridge, "up"]);
  }

  port(host: string): Port {
    const port = this.#ports.get(host);
    assert(port !== undefined, `no host "${host}" in this lab`);
    return port;
  }

  /** Lays the host's cable and gives it its address, which is the same after each power cut. */
  async plug(host: string, initPid: number): Promise<void> {
    const { device, address, hardwareAddress } = this.port(host);
    const peer = ["peer", "name", "eth0", "address", hardwareAddress, "netns", String(initPid)];
    await runTool(["ip", "link", "add", device, "type", "veth", ...peer]);
    await runTool(["ip", "link", "set", device, "master", bridge, "up"]);
    const inside = ["nsenter", "--target", String(initPid), "--net", "ip"];
    await runTool([...inside, "addr", "add", `${address}/24`, "dev", "eth0"]);
    await runTool([...inside, "link", "set", "lo", "up"]);
    await runTool([...inside, "link", "set", "eth0", "up"]);
  }

  /** Nothing passes any more from now on: before the power is cut, so that no farewell is heard. */
  async unplug(host: string): Promise<void> {
    await runTool(["ip", "link", "del", this.port(host).device]);
  }

  async break(plan: FaultPlan): Promise<Fault> {
    const rules = rulesOf(plan);
    this.#faults.add(rules);
    await this.#apply();
    return {
      mend: async () => {
        if (this.#faults.delete(rules)) await this.#apply();
      },
    };
  }

  async mendAll(): Promise<void> {
    this.#faults.clear();
    await this.#apply();
  }

  /** All rules at once, in one transaction of nftables; one after the other when several are asked for. */
  #apply(): Promise<void> {
    const next = this.#applied.then(async () => {
      await runTool(["nft", "-f", "-"], this.#ruleSet());
    });
    this.#applied = next.catch(() => undefined); // whoever asked for it is told
    return next;
  }

  #ruleSet(): string {
    const rules = [...this.#faults].flat();
    const chain = (hook: string, lines: readonly string[]): string =>
      `chain ${hook} { type filter hook ${hook} priority 0;\n${lines.join("\n")}\n}`;
    const from = (rule: LossRule): string => `iifname "${this.port(rule.from).device}"`;
    const to = (rule: LossRule): string => `oifname "${this.port(rule.to).device}"`;
    const between = rules.filter((rule) => rule.from !== testSide && rule.to !== testSide);
    const chains = [
      chain(
        "forward",
        between.map((rule) => `${from(rule)} ${to(rule)} ${verdict(rule)}`),
      ),
      chain(
        "input",
        rules
          .filter((rule) => rule.to === testSide)
          .map((rule) => `${from(rule)} ${verdict(rule)}`),
      ),
      chain(
        "output",
        rules
          .filter((rule) => rule.from === testSide)
          .map((rule) => `${to(rule)} ${verdict(rule)}`),
      ),
    ];
    // Adding before deleting: deleting a table that is not there is an error.
    return `add table bridge lab\ndelete table bridge lab\ntable bridge lab {\n${chains.join("\n")}\n}\n`;
  }
}

function portOf(host: string, number: number): Port {
  assert(/^[a-z][a-z0-9-]{0,30}$/.test(host), `"${host}" is no name for a host`);
  return {
    host,
    address: `${subnet}.${number}`,
    device: `port${number}`,
    hardwareAddress: `02:4c:41:42:00:${number.toString(16).padStart(2, "0")}`,
  };
}

function rulesOf({ from, to, direction, lossPercent }: FaultPlan): readonly LossRule[] {
  return to.flatMap((other) => {
    const out = { from, to: other, lossPercent };
    const back = { from: other, to: from, lossPercent };
    if (direction === "both") return [out, back];
    return direction === "out" ? [out] : [back];
  });
}

function verdict({ lossPercent }: LossRule): string {
  return lossPercent >= 100 ? "drop" : `numgen random mod 100 < ${Math.round(lossPercent)} drop`;
}
