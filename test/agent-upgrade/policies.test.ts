/** `/v1/policies` and `holdfast policy`: what is taken, what is refused at which place, and what people see. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createBench } from "../cli/harness.ts";
import { startHarness } from "../server/harness.ts";
import { answerOf, startControlPlane, type TestControlPlane } from "../support/control-plane.ts";

let controlPlane: TestControlPlane;
before(async () => {
  controlPlane = await startControlPlane({ servers: 1, engine: "embedded" });
});
after(() => controlPlane.stop());

const good = { name: "newest", agentVersion: "latest" };

const bad: readonly (readonly [string, object, string, RegExp])[] = [
  [
    "a constraint that does not parse",
    { constraint: "cores >= AND" },
    "constraint",
    /at character 10: expected a value/,
  ],
  [
    "an unknown property",
    { constraint: "zoen == a" },
    "constraint",
    /at character 1: no node has a property "zoen"/,
  ],
  ["a version that is none", { agentVersion: "newest" }, "agentVersion", /is no version/],
  [
    "a window that is over",
    { start: "2020-01-01T00:00:00Z", windowMs: 3_600_000 },
    "windowMs",
    /ended at 2020-01-01T01:00:00/,
  ],
  ["a start that is no instant", { start: "tomorrow" }, "start", /./],
  ["a window of nothing", { windowMs: 0 }, "windowMs", /./],
  ["no version", { agentVersion: undefined }, "agentVersion", /./],
  ["a field that there is not", { versoin: "1" }, "versoin", /unknown/],
];

for (const [what, fields, path, message] of bad) {
  test(`PUT /v1/policies/:name refuses ${what} with its place, and changes nothing`, async () => {
    const response = await controlPlane.client().putPolicy({ ...good, ...fields });
    assert.equal(response.ok, false);
    if (response.ok) return;
    assert.equal(response.error.code, "bad-input");
    assert.match(response.error.message, message);
    assert.ok(response.error.message.includes(path), response.error.message);
    const list = await controlPlane.client().policies();
    assert.deepEqual(list.ok ? list.value.items : undefined, []);
  });
}

test("a server without an authority takes no policy, and says why", async (t) => {
  const harness = await startHarness(t);
  const refused = await harness.call("PUT", "/v1/policies/newest", { body: good });
  assert.equal(refused.status, 409, refused.text);
  assert.match(String(refused.json["detail"]), /no certificate authority/);
});

test("PUT and DELETE /v1/policies/:name are in the audit, with who, what, when and from where", async () => {
  const client = controlPlane.client();
  const startMs = Date.now();
  answerOf(await client.putPolicy(good));
  answerOf(await client.putPolicy({ ...good, enabled: false }));
  answerOf(await client.removePolicy(good.name));
  const { items } = answerOf(await client.audit({ limit: 3 }));
  assert.deepEqual(
    items.map(({ action, subject, who, from }) => [action, subject, who, from]),
    ["policy.remove", "policy.change", "policy.add"].map((action) => {
      return [action, good.name, "admin/first", "127.0.0.1"];
    }),
  );
  for (const { atMs } of items) assert.ok(atMs >= startMs && atMs <= Date.now(), "when");
});

test("holdfast policy: add, list, show, status, change, remove, each with its exit code", async (t) => {
  const bench = await createBench(t);
  const [server] = controlPlane.servers;
  assert.ok(server !== undefined);
  const environment = {
    HOLDFAST_SERVER: server.url,
    HOLDFAST_TOKEN: controlPlane.token,
    HOLDFAST_CA: await bench.file("ca.pem", controlPlane.ca),
  };
  const run = async (words: string, code: number): Promise<string> => {
    const ran = await bench.run(words.split(" "), { environment });
    assert.equal(ran.code, code, `${words}: ${ran.out}${ran.err}`);
    return ran.out + ran.err;
  };
  const file = await bench.file(
    "policy.yaml",
    "name: newest\nagentVersion: 9.9.9\nconstraint: cores >= 1\nwindowMs: 4h\n",
  );
  const added = await run(`policy add -f ${file}`, 0);
  assert.match(added, /newest is at generation 1/);
  assert.match(added, /warning: there is no package of version 9\.9\.9 yet/);
  assert.match(added, /warning: it chooses no node at the moment/);
  assert.match(await run("policy list", 0), /newest +9\.9\.9 +cores >= 1 .* 4h/);
  assert.match(await run("policy show newest", 0), /windowMs: 14400000/);
  assert.match(await run("policy status newest", 0), /chooses no node/);
  assert.match(await run(`policy add -f ${file}`, 0), /generation 1/, "the same again is nothing");
  const changed = await run("policy add newest --agent-version latest --disabled", 0);
  assert.match(changed, /generation 2/);
  assert.match(changed, /warning: there is no package yet.*\n.*\n.*it is not enabled/);
  const broken = await bench.file("broken.yaml", "name: newest\nagentVersion: x\n");
  assert.match(await run(`policy add -f ${broken}`, 2), /broken\.yaml line 2: agentVersion/);
  await run(`policy add newest -f ${file}`, 2);
  await run("policy add", 2);
  await run("policy show nothing", 3);
  await run("policy status nothing --watch", 3);
  assert.match(await run("policy remove newest", 0), /removed/);
  await run("policy remove newest", 3);
});
