/** A frozen cluster: what people are refused, what goes on, and that no write slips past. */
import assert from "node:assert/strict";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import type { Store } from "../../src/ports/store.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { openSqliteStore } from "../../src/stores/sqlite/sqlite-store.ts";
import { keys } from "../../src/wire/records.ts";
import { openStore } from "../stores/etcd/etcd-support.ts";
import { missingForEtcd, startEtcdCluster } from "../support/etcd-cluster.ts";
import { addUser, logIn, makeToken, password } from "./access/support.ts";
import {
  clock,
  eventually,
  type Harness,
  serviceBody,
  startHarness,
  temporaryDirectory,
} from "./harness.ts";

/** What goes on: it reads, is about one's own account, ends the freeze, or is a machine's. */
const exempt: readonly RegExp[] = [
  /^GET /,
  /^POST \/v1\/(login|logout)$/, // one must be able to log in to end a freeze
  /^(PUT|DELETE) \/v1\/freeze$/,
  /^(POST|PUT) \/v1\/backup(-schedule)?$/, // an upgrade that has frozen the cluster makes one, and so may people
  /^PUT \/v1\/upgrade\/order$/, // an upgrade freezes the cluster itself
  /^POST \/v1\/(check|deployments\/{name}\/plan)$/, // questions with a body
  /^POST \/v1\/(agent|peers)\//, // machines; that no new one comes in is tested below
];

async function freeze(harness: Harness, body: object = {}): Promise<void> {
  const answer = await harness.call("PUT", "/v1/freeze", { body });
  assert.equal(answer.status, 200, answer.text);
}

async function unfreeze(harness: Harness): Promise<void> {
  assert.equal((await harness.call("DELETE", "/v1/freeze")).status, 200);
}

async function isFrozen(harness: Harness): Promise<boolean> {
  return Boolean((await harness.call("GET", "/v1/freeze")).json["frozen"]);
}

function add(harness: Harness, name: string) {
  return harness.call("POST", "/v1/services", { body: serviceBody(name) });
}

test("every route that changes something is refused while the cluster is frozen", async (t) => {
  const harness = await startHarness(t);
  const document = (await harness.call("GET", "/openapi.json")).json;
  const names = Object.entries(document["paths"] ?? {}).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  await freeze(harness, { reason: "upgrade" });
  let refusedCount = 0;
  for (const name of names) {
    if (exempt.some((pattern) => pattern.test(name))) continue;
    const [method = "", path = ""] = name.split(" ");
    const place = path
      .replace("{id}", path.includes("/services/") ? "process:ghost" : "ghost")
      .replace("{bundle}", "0".repeat(64))
      .replaceAll(/\{\w+\}/g, "ghost");
    // A token's body says whether it is one's own.
    const body = name === "POST /v1/tokens" ? { role: "viewer" } : {};
    const answer = await harness.call(method, place, { body });
    assert.deepEqual(
      [answer.status, answer.json["code"]],
      [503, "frozen"],
      `${name}: ${answer.text}`,
    );
    refusedCount += 1;
  }
  assert.ok(refusedCount > 35, `${refusedCount} routes were refused`);
});

test("a refusal says who froze the cluster, why, until when, and how that is ended", async (t) => {
  const harness = await startHarness(t);
  await freeze(harness, { reason: "upgrade to 2.0", forMs: 3_600_000 });
  const answer = await add(harness, "api");
  const detail = String(answer.json["detail"]);
  assert.match(detail, /frozen by .*admin.*: upgrade to 2\.0 \(until \d{4}-\d\d-\d\d .* UTC\)/);
  assert.match(String(answer.json["hint"]), /holdfast cluster unfreeze/);
  assert.equal((await harness.call("GET", "/v1/services")).status, 200);
  const status = await harness.call("GET", "/v1/cluster");
  assert.equal(String(status.json["freeze"]?.["reason"]), "upgrade to 2.0");
  const audit = await harness.call("GET", "/v1/audit");
  assert.match(audit.text, /"cluster\.freeze"/);
  await unfreeze(harness);
  assert.equal((await add(harness, "api")).status, 201);
});

test("people log in, change their own password and tokens, and log out while it is frozen", async (t) => {
  const harness = await startHarness(t);
  await addUser(harness, "eve", "operator");
  await freeze(harness);
  const token = await logIn(harness, "eve");
  const own = await makeToken(harness, { role: "user", own: true, name: "mine" }, token);
  assert.equal((await harness.call("GET", "/v1/whoami", { token: own })).status, 200);
  const forOthers = await harness.call("POST", "/v1/tokens", { body: { role: "viewer" } });
  assert.equal(String(forOthers.json["code"]), "frozen");
  const body = { password: "another horse", currentPassword: password };
  const changed = await harness.call("PUT", "/v1/users/eve/password", { token, body });
  assert.equal(changed.status, 200, changed.text);
  const others = { body: { password: "other horse" } };
  const byAdmin = await harness.call("PUT", "/v1/users/eve/password", others);
  assert.equal(String(byAdmin.json["code"]), "frozen");
  const again = await logIn(harness, "eve", "another horse");
  const ended = await harness.call("DELETE", "/v1/freeze", { token: again });
  assert.equal(ended.status, 200, "whoever may freeze may end another's freeze");
  assert.equal((await harness.call("POST", "/v1/logout", { token: again })).status, 204);
});

test("nodes keep their leases and report while it is frozen, and new ones do not come in", async (t) => {
  const harness = await startHarness(t);
  const agent = await harness.agent("n1");
  const token = await harness.agentToken("n2");
  await freeze(harness);
  const { incarnation, epoch, leaseId } = agent;
  const renewed = await agent.post("/v1/agent/lease", { incarnation, renew: { epoch, leaseId } });
  assert.equal(renewed.status, 200, renewed.text);
  const body = { agentVersion: "2", properties: {} };
  assert.equal((await agent.post("/v1/agent/join", body)).status, 200);
  const fresh = await harness.call("POST", "/v1/agent/join", { token, body });
  assert.deepEqual([fresh.status, fresh.json["code"]], [503, "frozen"]);
  await unfreeze(harness);
  assert.equal((await harness.call("POST", "/v1/agent/join", { token, body })).status, 200);
});

test("the manager ends a freeze when its time is over, with an event", async (t) => {
  const harness = await startHarness(t);
  await freeze(harness, { forMs: 1_000, reason: "short" });
  assert.equal((await add(harness, "api")).status, 503);
  await eventually("it is over", async () => !(await isFrozen(harness)));
  assert.equal((await add(harness, "api")).status, 201);
  await eventually("the record is gone", async () => {
    const read = await harness.store.get(keys.freeze);
    return read.ok && read.value.entry === undefined;
  });
  const events = await harness.call("GET", "/v1/events");
  assert.match(events.text, /"frozen"/);
  assert.match(events.text, /"freeze-over"/);
});

test("a freeze outlives a restart of the server, and can be ended after it", async (t) => {
  const dataDirectory = await temporaryDirectory(t);
  const open = async (): Promise<Store> => {
    const store = await openSqliteStore({ clock, file: join(dataDirectory, "store.db") });
    assert.ok(store.ok);
    return store.value;
  };
  const first = await open();
  const before = await startHarness(t, { store: first, dataDirectory });
  await freeze(before, { reason: "restart", failover: false });
  await before.server.close();
  await first.close();
  const second = await open();
  t.after(() => second.close());
  const after = await startHarness(t, { store: second, dataDirectory });
  assert.equal(String((await add(after, "api")).json["code"]), "frozen");
  await eventually("there is a manager again", async () => {
    return (await after.call("GET", "/v1/cluster")).json["manager"] !== undefined;
  });
  assert.equal(await isFrozen(after), true);
  await unfreeze(after);
  assert.equal((await add(after, "api")).status, 201);
  await after.server.close();
});

/** A store in which somebody freezes the cluster just before the transaction that the switch is set for. */
function withFreezeInBetween(store: Store): { readonly store: Store; arm(): void } {
  let isArmed = false;
  return {
    store: {
      capabilities: store.capabilities,
      get: (key) => store.get(key),
      range: (prefix, options) => store.range(prefix, options),
      async txn(txn) {
        if (isArmed && txn.then.some(({ key }) => key.startsWith(keys.services))) {
          isArmed = false;
          const value = { version: 1, by: "ada", sinceMs: 1, failover: true };
          await store.txn({ compare: [], then: [{ kind: "put", key: keys.freeze, value }] });
        }
        return await store.txn(txn);
      },
      watch: (prefix, options) => store.watch(prefix, options),
      grantLease: (ttlMs) => store.grantLease(ttlMs),
      keepLeaseAlive: (leaseId) => store.keepLeaseAlive(leaseId),
      revokeLease: (leaseId) => store.revokeLease(leaseId),
      close: () => store.close(),
    },
    arm() {
      isArmed = true;
    },
  };
}

test("change() does not write when the cluster is frozen after its plan was made", async (t) => {
  const memory = createMemoryStore({ clock });
  t.after(() => memory.close());
  const trap = withFreezeInBetween(memory);
  const harness = await startHarness(t, { store: trap.store });
  trap.arm();
  const answer = await add(harness, "api");
  assert.deepEqual([answer.status, answer.json["code"]], [503, "frozen"]);
  const written = await memory.range(keys.services);
  assert.ok(written.ok);
  assert.deepEqual(written.value.entries, []);
});

/** Changes at one server, a freeze at the other, at the same moment: nothing is written after the freeze. */
async function race(t: TestContext, stores: readonly [Store, Store], rounds: number) {
  const one = await startHarness(t, { store: stores[0] });
  const { dataDirectory } = one;
  const other = await startHarness(t, { store: stores[1], dataDirectory, serverId: "second" });
  let [written, refused] = [0, 0];
  for (let round = 0; round < rounds; round += 1) {
    const body = { profile: round % 2 === 0 ? "fast" : "patient" };
    const change = (harness: Harness) => harness.call("PATCH", "/v1/settings", { body });
    const earlier = change(round % 3 === 0 ? other : one);
    const freezing = freeze(other, { reason: `round ${round}` });
    const answers = await Promise.all([
      earlier,
      add(one, `s${round}`),
      freezing.then(() => add(one, `late${round}`)),
    ]);
    const late = answers[2];
    assert.equal(String(late.json["code"]), "frozen", `round ${round}: ${late.text}`);
    for (const { status, text } of answers.slice(0, 2)) {
      assert.ok([200, 201, 503].includes(status), text);
      if (status === 503) refused += 1;
      else written += 1;
    }
    const read = await stores[0].get(keys.freeze);
    assert.ok(read.ok && read.value.entry !== undefined);
    const { modRevision } = read.value.entry;
    for (const prefix of [keys.services, keys.settings]) {
      const entries = await stores[0].range(prefix);
      assert.ok(entries.ok);
      for (const entry of entries.value.entries) {
        assert.ok(entry.modRevision < modRevision, `round ${round}: ${entry.key} slipped past`);
      }
    }
    await unfreeze(one);
  }
  t.diagnostic(`${written} written before the freeze, ${refused} refused, none in between`);
  assert.ok(written > 0 && refused > 0, "both happened");
  await one.server.close();
  await other.server.close();
}

test("no write follows an acknowledged freeze in 200 rounds", async (t) => {
  const store = createMemoryStore({ clock });
  await race(t, [store, store], 200);
  await store.close();
});

test("no write follows an acknowledged freeze in 200 rounds on etcd", {
  skip: missingForEtcd() ?? false,
  timeout: 180_000,
}, async (t) => {
  const cluster = await startEtcdCluster();
  try {
    const stores = [await openStore(cluster), await openStore(cluster)] as const;
    await race(t, [stores[0], stores[1]], 200);
    await Promise.all(stores.map((store) => store.close()));
  } finally {
    await cluster.stop();
  }
});
