/** Members of a real cluster: learners one at a time, refusals told apart, and what works without a quorum. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Result } from "../../../src/core/result.ts";
import type { MemberAdmin, MemberError } from "../../../src/ports/members.ts";
import { createEtcdAdmin } from "../../../src/stores/etcd/etcd-admin.ts";
import { type EtcdCluster, missingForEtcd, startEtcdCluster } from "../../support/etcd-cluster.ts";
import type { EtcdMember } from "../../support/etcd-member.ts";
import { clock, quietLog } from "./etcd-support.ts";

describe("createEtcdAdmin()", { skip: missingForEtcd() ?? false }, () => {
  let cluster: EtcdCluster;
  let admin: MemberAdmin;
  let fourth: EtcdMember;
  before(async () => {
    cluster = await startEtcdCluster();
    const { endpoints, tls } = cluster;
    admin = createEtcdAdmin({ endpoints, tls, clock, log: quietLog });
  });
  after(async () => {
    await admin.close();
    await cluster.stop();
  });

  it("lists the members and asks each about itself", async () => {
    const members = must(await admin.memberList());
    assert.deepEqual(members.map(({ name }) => name).sort(), ["m0", "m1", "m2"]);
    const leader = await cluster.leader();
    for (const member of cluster.members) {
      const known = members.find(({ name }) => name === member.name);
      assert.deepEqual(known?.peerUrls, [member.peerUrl]);
      assert.deepEqual(known?.clientUrls, [member.clientUrl]);
      const status = must(await admin.status(member.clientUrl));
      assert.equal(status.memberId, known?.id);
      assert.equal(status.leaderId === status.memberId, member === leader);
      assert.match(status.version, /^3\.\d+\.\d+$/);
      assert.ok(status.raftTerm > 0 && status.raftIndex > 0 && status.appliedIndex > 0);
      assert.ok(status.sizeBytes > 0);
      assert.deepEqual([status.isLearner, status.faults], [false, []]);
      must(await admin.health(member.clientUrl));
    }
  });

  it("adds one learner at a time, and promotes it when it has caught up", async (t) => {
    fourth = await cluster.prepareMember();
    const refusals: string[] = [];
    const added = await untilDone(refusals, () => admin.memberAddAsLearner(fourth.peerUrl));
    assert.equal(added.isLearner, true);
    const again = errorOf(await admin.memberAddAsLearner(fourth.peerUrl));
    assert.equal(again.kind, "already-member");
    const second = errorOf(await admin.memberAddAsLearner("https://127.0.0.1:1"));
    assert.equal(second.kind, "too-many-learners");
    assert.equal(errorOf(await admin.promote(added.id)).kind, "not-in-sync");
    fourth.start();
    await untilDone(refusals, () => admin.promote(added.id));
    assert.equal(errorOf(await admin.promote(added.id)).kind, "not-a-learner");
    const early = errorOf(await admin.memberAddAsLearner("https://127.0.0.1:1"));
    assert.equal(early.kind, "unhealthy-cluster", "the new one has not been there for long");
    t.diagnostic(`refused meanwhile: ${[...new Set(refusals)].join(", ") || "nothing"}`);
    await fourth.waitUntilReady();
    const voters = must(await admin.memberList()).filter(({ isLearner }) => !isLearner);
    assert.equal(voters.length, 4);
  });

  it("removes a member once", async () => {
    const known = must(await admin.memberList()).find(({ name }) => name === fourth.name);
    assert.ok(known !== undefined);
    await untilDone([], () => admin.remove(known.id));
    assert.equal(errorOf(await admin.remove(known.id)).kind, "not-found");
    assert.equal(errorOf(await admin.promote(known.id)).kind, "not-found");
    assert.equal(must(await admin.memberList()).length, 3);
  });

  it("asks on, and saves a snapshot, without a quorum", async () => {
    const [survivor, ...others] = cluster.members.slice(0, 3);
    assert.ok(survivor !== undefined);
    const lost = must(await admin.memberList()).find(({ name }) => name === "m1");
    await Promise.all(others.map((member) => member.stop("SIGKILL")));
    const endpoint = survivor.clientUrl;
    const giveUpAtMs = performance.now() + 10_000;
    while (must(await admin.status(endpoint)).leaderId !== undefined) {
      assert.ok(performance.now() < giveUpAtMs, "the survivor notices that it has no leader");
      await sleep(50);
    }
    assert.equal(errorOf(await admin.health(endpoint)).kind, "unavailable");
    assert.equal(must(await admin.memberList(endpoint)).length, 3);
    assert.equal(errorOf(await admin.memberList()).kind, "unavailable");
    assert.equal(errorOf(await admin.remove(lost?.id ?? "")).kind, "unavailable");
    const file = cluster.file("snapshot.db");
    const sizeBytes = must(await admin.snapshot(endpoint, file));
    assert.deepEqual([statSync(file).size, statSync(file).mode & 0o777], [sizeBytes, 0o600]);
    const status = execFileSync("etcdctl", ["snapshot", "status", file], {
      encoding: "utf8",
      env: { ...process.env, ETCDCTL_API: "3" },
    });
    assert.match(status, /^[0-9a-f]+, \d+, \d+, /);
    const nowhere = errorOf(await admin.snapshot(endpoint, "/nonexistent/snapshot.db"));
    assert.equal(nowhere.kind, "unavailable");
    assert.equal(errorOf(await admin.status("https://127.0.0.1:1")).kind, "unavailable");
  });
});

function must<T>(result: Result<T, MemberError>): T {
  assert.ok(result.ok, result.ok ? "" : `${result.error.kind}: ${result.error.message}`);
  return result.value;
}

function errorOf<T>(result: Result<T, MemberError>): MemberError {
  assert.ok(!result.ok, "an error was expected, and it succeeded");
  return result.error;
}

const passing: ReadonlySet<string> = new Set(["unhealthy-cluster", "not-in-sync", "unavailable"]);

/** Tries again while the cluster settles; the kinds of its refusals are added. */
async function untilDone<T>(
  refusals: string[],
  work: () => Promise<Result<T, MemberError>>,
): Promise<T> {
  const giveUpAtMs = performance.now() + 20_000;
  for (;;) {
    const done = await work();
    if (done.ok) return done.value;
    refusals.push(done.error.kind);
    const isPassing = passing.has(done.error.kind) && performance.now() < giveUpAtMs;
    assert.ok(isPassing, `${done.error.kind}: ${done.error.message}`);
    await sleep(200);
  }
}
