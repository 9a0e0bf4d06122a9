/** Random things that happen to a watched world, and what has to hold when they stop. */
import assert from "node:assert/strict";
import type { Deployment, DeploymentVersion } from "../../../src/core/fleet/model/deployment.ts";
import type { Release } from "../../../src/core/fleet/model/instance.ts";
import { nodeModes } from "../../../src/core/model/node-mode.ts";
import { durationMs, instantMs } from "../../../src/core/time.ts";
import { nodeId } from "../manager-harness.ts";
import { constraint, deployment, keyOf, policy } from "./world.ts";
import { WatchedWorld } from "./world-watch.ts";

const nodeNames = ["a", "b", "c", "d", "e", "f"];
const groupNames = ["g", "h"];
const deploymentNames = ["api", "web"];
const versions = ["1.0.0", "2.0.0", "3.0.0", "4.0.0"];
/** Never works anywhere. */
const badVersion = "3.0.0";
const { rollout: rolloutDefaults } = deployment("any", ["1.0.0"]);

/** A number from 0 to less than 1, the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class RandomWorld extends WatchedWorld {
  private readonly random: () => number;
  /** `<node>/<version>` that does not work for the time being. */
  private readonly broken = new Map<string, "fails" | "unhealthy">();

  constructor(seed: number) {
    super();
    this.random = randomOf(seed);
    this.fitness = (node: string, { version }: Release) =>
      version === badVersion ? "fails" : (this.broken.get(`${node}/${version}`) ?? "good");
    this.send({ kind: "fleet-loaded" });
    this.define(...versions);
    this.join(...nodeNames);
    this.group("g", ["a", "b", "c"]).group("h", ["d", "e"]);
  }

  private pick<Value>(values: readonly Value[]): Value {
    const value = values[Math.floor(this.random() * values.length)];
    assert.ok(value !== undefined, "there is something to choose from");
    return value;
  }

  private isLucky(chance: number): boolean {
    return this.random() < chance;
  }

  /** Something happens. */
  happen(): void {
    if (this.isLucky(0.02)) this.effectsLeft = Math.floor(this.random() * 6);
    const roll = this.random();
    if (roll < 0.5) this.live();
    else if (roll < 0.62) this.letTimePass();
    else if (roll < 0.78) this.changeNode();
    else if (roll < 0.84) this.changeGroups();
    else if (roll < 0.92) this.changeWishes();
    else if (roll < 0.97) this.changeAgents();
    else this.changeCluster();
    if (this.effectsLeft === Number.POSITIVE_INFINITY) this.checkSettled();
  }

  /** Manager and agents take a few steps. */
  private live(): void {
    for (const service of [...this.services.values()]) {
      if (this.isLucky(0.5)) this.manage(service);
      if (this.services.has(service.id) && this.isLucky(0.5)) this.act(service);
    }
    for (const node of this.nodes.values()) if (this.isLucky(0.3)) this.liveAgent(node.id, false);
  }

  private letTimePass(): void {
    this.nowMs += Math.floor(this.random() * 4_000);
    this.send({ kind: "fleet-tick" });
  }

  private changeNode(): void {
    const name = this.pick(nodeNames);
    const node = this.node(name);
    const roll = this.random();
    if (roll < 0.2) this.down(name);
    else if (roll < 0.35) this.fence(name);
    else if (roll < 0.65) this.up(name);
    else if (roll < 0.69) this.change(name, { maintenance: !node.maintenance });
    else if (roll < 0.72) this.change(name, { mode: this.pick(nodeModes) });
    else if (roll < 0.8) this.change(name, { properties: { zone: this.pick(["x", "y"]) } });
    else if (roll < 0.83) this.leaveForGood(name);
    else if (roll < 0.9) this.join(name);
    else this.breakSomething(name);
  }

  private leaveForGood(name: string): void {
    this.leave(name);
    const group = this.node(name).group;
    if (group !== undefined) this.member(name, undefined);
  }

  private breakSomething(name: string): void {
    const key = `${name}/${this.pick(versions)}`;
    if (this.broken.has(key)) this.broken.delete(key);
    else this.broken.set(key, this.pick(["fails", "unhealthy"]));
  }

  private changeGroups(): void {
    const roll = this.random();
    const group = this.pick(groupNames);
    if (roll < 0.1) this.ungroup(group);
    else if (roll < 0.3) {
      this.group(group, [], { whenMembersOffline: this.pick(["continue", "wait"]) });
    } else {
      const isGroup = this.groups.has(group) && this.isLucky(0.7);
      const name = this.pick(nodeNames);
      if (this.node(name).registered) this.member(name, isGroup ? group : undefined);
    }
  }

  private changeWishes(): void {
    const name = this.pick(deploymentNames);
    const roll = this.random();
    if (roll < 0.45) this.deployAnew(name);
    else if (roll < 0.5) this.undeploy(name);
    else if (this.deployments.has(name)) {
      this.order(name, this.pick(["pause", "resume", "abort", "resume"]));
    }
  }

  private deployAnew(name: string): void {
    if (this.deployments.get(name)?.removing === true) return;
    const count = 1 + Math.floor(this.random() * 3);
    const chosen = [...new Set(Array.from({ length: count }, () => this.pick(versions)))];
    const canaries = { count: this.pick([1, 2]), waitMs: durationMs(3_000) };
    const haSemantics = this.isLucky(0.1) ? "none" : "one-at-a-time";
    for (const node of nodeNames) {
      const isUnder = this.instances.get(keyOf(name, node))?.upgrade !== undefined;
      const isOrdered = this.deployments.get(name)?.haSemantics === "one-at-a-time";
      if (isUnder && !isOrdered && haSemantics === "one-at-a-time") this.excused.add(node);
    }
    this.deploy(name, chosen, {
      haSemantics,
      constraint: this.isLucky(0.15) ? constraint("zone == x OR NOT zone == y") : undefined,
      inputsKey: this.pick(["k", "k", "l"]),
      rollout: {
        ...rolloutDefaults,
        maxUnavailable: this.pick([{ count: 1 }, { count: 3 }, { percent: 50 }]),
        canaries: this.isLucky(0.3) ? canaries : undefined,
        failedShareMax: this.pick([0, 0.3, 1]),
      },
    });
  }

  private changeCluster(): void {
    const roll = this.random();
    if (roll < 0.3) this.arm(!this.armed);
    else if (roll < 0.6) this.reload();
    else if (roll < 0.8) this.freeze(!this.frozen);
    else this.arm(true);
  }

  private changeAgents(): void {
    const roll = this.random();
    const version = this.pick(["1.0.0", "1.1.0", "1.2.0"]);
    if (roll < 0.3) {
      const one = { version, sha256: `sha-${version}` };
      this.packages.set(one.sha256, one);
      this.send({ kind: "package-added", package: one });
    } else if (roll < 0.4) {
      const sha256 = `sha-${version}`;
      if (this.packages.delete(sha256)) this.send({ kind: "package-removed", sha256 });
    } else if (roll < 0.8) {
      const name = this.pick(["p", "q"]);
      const generation = (this.policies.get(name)?.generation ?? 0) + 1;
      const next = policy(name, this.pick(["latest", version]), {
        generation,
        allowDowngrade: this.isLucky(0.3),
        enabled: this.isLucky(0.8),
        startAtMs: instantMs(this.nowMs),
        spreadMs: durationMs(this.pick([0, 20_000])),
      });
      this.policies.set(name, next);
      this.send({ kind: "policy-changed", policy: next });
    } else {
      const name = this.pick(["p", "q"]);
      if (this.policies.delete(name)) this.send({ kind: "policy-removed", name });
    }
  }

  /** A node's agent does the next thing about its own upgrade. */
  private liveAgent(name: string, isSure: boolean): boolean {
    const id = nodeId(name);
    const node = this.node(name);
    const upgrade = this.agentUpgrades.get(id);
    if (node.lease === undefined || upgrade === undefined || upgrade.order === "none") return false;
    const word = this.agentReports.get(id);
    const said = word?.id === upgrade.id ? word.state : undefined;
    const goesWell = isSure || this.isLucky(0.8);
    if (upgrade.order === "fetch") {
      if (said === "downloaded" || said === "failed") return false;
      this.report(id, said === undefined ? "download-started" : goesWell ? "downloaded" : "failed");
      return true;
    }
    if (said === "success" || said === "rolled-back") return false;
    if (goesWell) this.change(name, { agentVersion: upgrade.to });
    if (!isSure && this.isLucky(0.2)) this.down(name);
    this.report(id, goesWell ? "success" : "rolled-back");
    return true;
  }

  private report(
    node: ReturnType<typeof nodeId>,
    state: "download-started" | "downloaded" | "failed" | "success" | "rolled-back",
  ): void {
    const upgrade = this.agentUpgrades.get(node);
    if (upgrade === undefined) return;
    const { agentVersion } = this.node(node);
    const report = { node, id: upgrade.id, state, detail: "", agentVersion };
    this.agentReports.set(node, report);
    this.send({ kind: "agent-upgrade-report", report });
  }

  /** Nothing goes wrong any more: everything comes to its end. */
  heal(): void {
    this.effectsLeft = Number.POSITIVE_INFINITY;
    this.broken.clear();
    for (const node of this.nodes.values()) {
      if (!node.registered) continue;
      this.change(node.id, { maintenance: false, mode: "enabled" });
      this.up(node.id);
    }
    this.arm(true);
    this.freeze(false);
    for (const name of this.deployments.keys()) {
      const states = [...this.rollouts.values()].filter(({ deployment: of }) => of === name);
      if (states.some(({ state }) => state === "paused")) this.order(name, "resume");
    }
    for (let round = 0; round < 30; round += 1) {
      this.pass(10_000);
      for (const node of this.nodes.values()) while (this.liveAgent(node.id, true)) this.pass(0);
    }
  }

  /** What has to be true then. */
  checkHealed(): void {
    this.checkSettled();
    assert.equal(this.slots.size, 0, "every slot is free");
    for (const { deployment: name, number, state, endedAtMs } of this.rollouts.values()) {
      assert.notEqual(endedAtMs, undefined, `rollout ${number} of ${name} ends, it is ${state}`);
    }
    assert.equal(this.orders.size, 0);
    for (const deployed of this.deployments.values()) this.checkDeployment(deployed.name);
    for (const [id, { order, state }] of this.agentUpgrades) {
      const isOpen = order !== "none" || state === "download-started";
      assert.ok(!isOpen, `the agent of ${id} is ${state} (${order})`);
    }
  }

  private checkDeployment(name: string): void {
    const deployed: Deployment | undefined = this.deployments.get(name);
    assert.ok(deployed && !deployed.removing, `${name} is forgotten when it was removed`);
    const latest = [...this.rollouts.values()]
      .filter((one) => one.deployment === name)
      .sort((left, right) => right.number - left.number)[0];
    const isHeldBack =
      latest !== undefined &&
      latest.generation === deployed.generation &&
      latest.withheld.length > 0;
    for (const node of this.nodes.values()) {
      const instance = this.instances.get(keyOf(name, node.id));
      const zone = node.properties["zone"];
      const fits = node.registered && (deployed.constraint === undefined || zone !== "y");
      if (!fits) {
        assert.equal(instance, undefined, `${name} is gone from ${node.id}`);
        continue;
      }
      if (instance === undefined) {
        assert.ok(isHeldBack, `${name} is on ${node.id}`);
        continue;
      }
      const { phase, givenUp, release } = instance;
      if (phase === "failed") {
        const isHopeless = release.version === badVersion;
        assert.ok(isHopeless, `${name} on ${node.id} has not failed with ${release.version}`);
        continue;
      }
      assert.equal(phase, "running", `${name} on ${node.id}`);
      assert.ok(this.isHealthy(instance.service), `${name} is healthy on ${node.id}`);
      if (isHeldBack) continue; // it has what it had before, or the next best
      const wanted: DeploymentVersion | undefined = deployed.versions.find(
        ({ version }) =>
          !givenUp.some(
            ({ release: { version: tried, inputsKey } }) =>
              tried === version && inputsKey === deployed.inputsKey,
          ),
      );
      if (this.isLastBesideFailed(name, node.id)) continue;
      assert.deepEqual(
        release,
        { version: wanted?.version, inputsKey: deployed.inputsKey },
        `${name} on ${node.id} runs what is wanted`,
      );
    }
  }

  /** Another member has failed for good, and no third one is healthy: it is not taken down. */
  private isLastBesideFailed(name: string, id: string): boolean {
    const { group } = this.node(id);
    if (group === undefined || !this.groups.has(group)) return false;
    const others = this.membersOf(group).filter((node) => node.id !== id);
    const instances = others.map((node) => this.instances.get(keyOf(name, node.id)));
    const hasFailed = instances.some((one) => one?.phase === "failed" && one.wasHealthy);
    return hasFailed && instances.every((one) => one?.phase !== "running");
  }
}
