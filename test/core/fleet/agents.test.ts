/** Upgrades of agents by management policies. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type {
  AgentUpgradeState,
  ManagementPolicy,
} from "../../../src/core/fleet/model/agent-upgrade.ts";
import { whyAgent } from "../../../src/core/fleet/why.ts";
import { durationMs, instantMs } from "../../../src/core/time.ts";
import { nodeId } from "../manager-harness.ts";
import { constraint, policy, type World, world } from "./world.ts";

function bundle(w: World, ...versions: readonly string[]): World {
  for (const version of versions) {
    const one = { version, sha256: `sha-${version}` };
    w.packages.set(one.sha256, one);
    w.send({ kind: "package-added", package: one });
  }
  return w;
}

function apply(w: World, next: ManagementPolicy): World {
  w.policies.set(next.name, next);
  w.send({ kind: "policy-changed", policy: next });
  return w;
}

function say(w: World, name: string, state: AgentUpgradeState, detail = ""): void {
  const node = nodeId(name);
  const upgrade = w.agentUpgrades.get(node);
  assert.ok(upgrade);
  const { agentVersion } = w.node(name);
  const report = { node, id: upgrade.id, state, detail, agentVersion };
  w.agentReports.set(node, report);
  w.send({ kind: "agent-upgrade-report", report });
}

function succeed(w: World, name: string): void {
  w.change(name, { agentVersion: w.agentUpgrades.get(nodeId(name))?.to ?? "" });
  say(w, name, "success");
}

/** `<order> <state>` of the node's agent. */
function agent(w: World, name: string): string {
  const upgrade = w.agentUpgrades.get(nodeId(name));
  return upgrade === undefined ? "-" : `${upgrade.order} ${upgrade.state}`;
}

function detail(w: World, name: string): string {
  return w.agentUpgrades.get(nodeId(name))?.detail ?? "";
}

describe("management policies", () => {
  it("have every node fetch at once, and the members of a group install one at a time", () => {
    const w = bundle(world().join("a", "b").group("g", ["a", "b"]), "1.1.0");
    apply(w, policy("p", "1.1.0"));
    assert.deepEqual([agent(w, "a"), agent(w, "b")], ["fetch waiting", "fetch waiting"]);
    say(w, "b", "download-started");
    say(w, "b", "downloaded");
    assert.equal(agent(w, "b"), "install initiated");
    assert.equal(w.holder("g"), "b");
    say(w, "a", "downloaded");
    assert.equal(agent(w, "a"), "fetch downloaded");
    const why = whyAgent(w.state, nodeId("a"), instantMs(w.nowMs));
    assert.equal(why, 'it waits for the upgrade slot of HA group "g", which node "b" has');
    say(w, "b", "success");
    assert.equal(agent(w, "b"), "install initiated", "its agent is the old one still");
    succeed(w, "b");
    assert.deepEqual([agent(w, "b"), agent(w, "a")], ["none success", "install initiated"]);
    assert.equal(w.holder("g"), "a");
    succeed(w, "a");
    assert.equal(w.slots.size, 0);
  });

  it("share the slot with upgrades of services", () => {
    const w = bundle(world().join("a", "b").group("g", ["a", "b"]), "1.1.0");
    w.define("1.0.0", "2.0.0").deploy("api", ["1.0.0"]).pass(0);
    w.deploy("api", ["2.0.0"]);
    assert.equal(w.holder("g"), "a");
    apply(w, policy("p", "1.1.0"));
    say(w, "a", "downloaded");
    say(w, "b", "downloaded");
    assert.deepEqual([agent(w, "a"), agent(w, "b")], ["fetch downloaded", "fetch downloaded"]);
    w.pass(2_000);
    assert.equal(w.all("api", "a", "b"), "running 2.0.0, running 2.0.0");
    assert.equal(agent(w, "a"), "install initiated");
    w.deploy("api", ["1.0.0"]).pass(10_000);
    assert.equal(w.all("api", "a", "b"), "running 2.0.0, running 2.0.0");
    succeed(w, "a");
    say(w, "b", "rolled-back", "not healthy in time");
    w.pass(10_000);
    assert.equal(w.all("api", "a", "b"), "running 1.0.0, running 1.0.0");
  });

  it("let only a few nodes in no group install at once", () => {
    const w = bundle(world().join("a", "b", "c"), "1.1.0");
    apply(w, policy("p", "latest", { nodesAtOnce: 2 }));
    for (const name of ["a", "b", "c"]) say(w, name, "downloaded");
    const all = ["a", "b", "c"].map((name) => agent(w, name));
    assert.deepEqual(all, ["install initiated", "install initiated", "fetch downloaded"]);
    succeed(w, "a");
    assert.equal(agent(w, "c"), "install initiated");
  });

  it("choose by constraint, take the highest package, and downgrade only if that is allowed", () => {
    const w = bundle(world().join("a", "b"), "0.9.0", "1.10.0", "1.9.0");
    w.change("a", { properties: { zone: "x" } });
    apply(w, policy("p", "latest", { constraint: constraint("zone == x") }));
    assert.equal(w.agentUpgrades.get(nodeId("a"))?.to, "1.10.0");
    assert.equal(agent(w, "b"), "-");
    apply(w, policy("p", "0.9.0", { generation: 2 }));
    assert.equal(agent(w, "a"), "-");
    apply(w, policy("p", "0.9.0", { generation: 3, allowDowngrade: true }));
    assert.equal(w.agentUpgrades.get(nodeId("a"))?.to, "0.9.0");
  });

  it("say why a node waits", () => {
    const w = world().join("a");
    apply(w, policy("p", "1.1.0"));
    assert.equal(detail(w, "a"), "there is no package of version 1.1.0");
    w.change("a", { maintenance: true });
    bundle(w, "1.1.0");
    assert.equal(detail(w, "a"), "the node is in maintenance");
    w.change("a", { maintenance: false });
    assert.equal(agent(w, "a"), "fetch waiting");
  });

  it("begin at each node's own moment within the window, and not after it", () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const w = bundle(world().join(...names), "1.1.0");
    const startAtMs = instantMs(w.nowMs + 10_000);
    const spreadMs = durationMs(100_000);
    apply(w, policy("p", "1.1.0", { startAtMs, spreadMs, windowMs: durationMs(120_000) }));
    const begun = () => names.filter((name) => agent(w, name) !== "none waiting").length;
    w.pass(9_999);
    assert.equal(begun(), 0);
    const counts = new Set<number>();
    for (let round = 0; round < 110; round += 1) {
      w.pass(1_000);
      counts.add(begun());
    }
    assert.ok(counts.size > 3, "they do not begin at the same moment");
    assert.equal(begun(), 6);
    w.pass(60_000);
    say(w, "a", "downloaded");
    assert.equal(agent(w, "a"), "fetch downloaded", "the window is over");
    w.join("late");
    assert.equal(detail(w, "late"), "the policy's window is over");
  });

  it("do not try again what has failed, until the policy or the package changes", () => {
    const w = bundle(world().join("a"), "1.1.0");
    apply(w, policy("p", "latest"));
    say(w, "a", "failed", "the signature is wrong");
    assert.equal(agent(w, "a"), "none failed");
    w.reload();
    w.pass(600_000);
    assert.equal(agent(w, "a"), "none failed");
    bundle(w, "1.2.0");
    assert.equal(agent(w, "a"), "fetch waiting");
    say(w, "a", "downloaded");
    say(w, "a", "rolled-back", "not healthy within 60 s");
    assert.equal(agent(w, "a"), "none rolled-back");
    apply(w, policy("p", "latest", { generation: 2 }));
    assert.equal(agent(w, "a"), "fetch waiting");
  });

  it("keep the slot of a lost node until it is fenced, and know no more until it is heard", () => {
    const w = bundle(world().join("a", "b").group("g", ["a", "b"]), "1.1.0");
    apply(w, policy("p", "1.1.0"));
    say(w, "a", "downloaded");
    w.down("a");
    w.pass(600_000);
    assert.equal(w.holder("g"), "a");
    w.fence("a");
    assert.equal(w.slots.size, 0);
    assert.equal(agent(w, "a"), "none unknown");
    w.change("a", { agentVersion: "1.1.0" });
    w.up("a");
    assert.equal(agent(w, "a"), "none success");
  });

  it("take fetch orders back when they are removed, and let an installation end", () => {
    const w = bundle(world().join("a", "b"), "1.1.0");
    apply(w, policy("p", "1.1.0"));
    say(w, "a", "downloaded");
    apply(w, policy("p", "1.1.0", { generation: 2, enabled: false }));
    assert.deepEqual([agent(w, "a"), agent(w, "b")], ["install initiated", "-"]);
    succeed(w, "a");
    assert.equal(agent(w, "a"), "none success");
  });

  it("say once that two of them choose a node: the first by name counts", () => {
    const w = bundle(world().join("a"), "1.1.0", "1.2.0");
    apply(w, policy("q", "1.2.0"));
    apply(w, policy("p", "1.1.0"));
    w.pass(1_000);
    assert.equal(w.agentUpgrades.get(nodeId("a"))?.policy, "p");
    const told = w.told.filter((line) => line.includes("all choose"));
    assert.deepEqual(told, [
      'node a: policies p, q all choose node "a": "p" counts, the first by name',
    ]);
  });
});
