/** `definition`, `deployment`, `check`, `rollout` and `node set` against a real server. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { runAgents } from "../server/fleet/run-agents.ts";
import { eventually, type Harness, startHarness } from "../server/harness.ts";
import { type Bench, createBench, type Ran } from "./harness.ts";

interface World {
  readonly bench: Bench;
  readonly server: Harness;
  run(...words: string[]): Promise<Ran>;
  /** The command with `-f` and a file of this content. */
  runFile(content: string, ...words: string[]): Promise<Ran>;
}

async function createWorld(context: TestContext): Promise<World> {
  // Agents here never renew: their leases have to last for the whole test.
  const server = await startHarness(context, { initialSettings: { profile: "patient" } });
  const bench = await createBench(context);
  const environment = {
    HOLDFAST_SERVER: server.server.url,
    HOLDFAST_TOKEN: server.adminToken,
  };
  const run = (...words: string[]) => bench.run(words, { environment });
  return {
    bench,
    server,
    run,
    runFile: async (content, ...words) =>
      await run(...words, "-f", await bench.file("input.yaml", content)),
  };
}

const definition = (version: string, more = ""): string =>
  `service: process:web\nversion: "${version}"\nprocess: { command: /bin/true }\n${more}`;
const deployment = (versions: string, more = ""): string =>
  `name: web\nservice: process:web\nversions: [${versions}]\n${more}`;

test("definitions are added from one file, listed, shown and removed", async (context) => {
  const { run, runFile } = await createWorld(context);
  const two = `kind: Definition\n${definition("1.0")}---\n${definition("1.1")}`;
  const added = await runFile(two, "definition", "add");
  assert.equal(added.code, 0, added.err);
  assert.match(added.out, /^version 1\.0 of process:web is there.*\nversion 1\.1 of process:web/);
  const list = await run("definition", "list");
  assert.match(list.out, /process:web +1\.0 .*\nprocess:web +1\.1 /);
  const shown = await run("definition", "show", "process:web", "1.1");
  assert.match(shown.out, /process\.command: "\/bin\/true"/);
  const json = JSON.parse(
    (await run("definition", "show", "process:web", "1.1", "-o", "json")).out,
  );
  assert.equal(json.config.process.command, "/bin/true");
  assert.equal((await run("definition", "remove", "process:web", "1.0")).code, 0);
  const gone = await run("definition", "show", "process:web", "1.0");
  assert.equal(gone.code, 3);
  assert.match(gone.err, /there is no definition "process:web\/1\.0".*holdfast definition list/s);
});

const badDefinitions: readonly (readonly [string, string, number, RegExp])[] = [
  ["a version that is none", definition("newest"), 2, /input\.yaml line 2: version: "newest"/],
  [
    "a constraint that breaks off",
    definition("2", "constraint: cores >=\n"),
    2,
    /line 4: constraint: at character 9: expected a value/,
  ],
  [
    "a property that no node has",
    definition("2", "constraint: zone == x\n"),
    2,
    /constraint: at character 1: no node has a property "zone"/,
  ],
  ["a number as version", definition("2").replaceAll('"', ""), 2, /line 2: version: .*quotes/],
  ["another kind", `kind: Service\n${definition("2")}`, 2, /line 1: kind is "Service"/],
  ["nothing", "# nothing\n", 2, /describes nothing/],
  [
    "other content of a version that is there",
    definition("1", "maxRestart: 9\n"),
    4,
    /never changes/,
  ],
];

test("a definition with a fault ends with its place, and nothing is changed", async (context) => {
  const { run, runFile } = await createWorld(context);
  assert.equal((await runFile(definition("1"), "definition", "add")).code, 0);
  const before = await run("definition", "list", "-o", "json");
  for (const [what, content, code, pattern] of badDefinitions) {
    const ran = await runFile(content, "definition", "add");
    assert.equal(ran.code, code, `${what}: ${ran.err}`);
    assert.match(ran.err, pattern, what);
  }
  const after = await run("definition", "list", "-o", "json");
  assert.deepEqual(JSON.parse(after.out).items, JSON.parse(before.out).items);
  const words = ["definition", "add", "--allow-unknown-properties"];
  const allowed = await runFile(definition("2", "constraint: zone == x\n"), ...words);
  assert.equal(allowed.code, 0, allowed.err);
});

test("a deployment is planned, added, changed, listed, shown and removed", async (context) => {
  const { run, runFile, server } = await createWorld(context);
  await server.agent("n1");
  await runFile(`${definition("1")}---\n${definition("2")}`, "definition", "add");
  const dry = await runFile(deployment("{ version: '1' }"), "deployment", "add", "--dry-run");
  assert.deepEqual([dry.code, dry.err], [0, ""]);
  assert.match(dry.out, /^web starts on 1 node: n1\n.*nothing was changed\n$/s);
  assert.match((await run("deployment", "list")).out, /^no deployments yet/);
  const added = await runFile(deployment("{ version: '1' }"), "deployment", "add");
  assert.match(added.err, /^web starts on 1 node: n1\n/);
  assert.match(added.out, /^deployment web is at generation 1; follow it with/);
  const changed = await runFile(
    deployment("{ version: '2' }, { version: '1' }"),
    "deployment",
    "add",
  );
  assert.match(changed.out, /generation 2/, changed.err);
  assert.match((await run("deployment", "list")).out, /web +process:web +2, 1 /);
  assert.match((await run("deployment", "show", "web")).out, /versions +2, then 1\n/);
  const status = await run("deployment", "status", "web", "-o", "json");
  assert.equal(JSON.parse(status.out).deployment.name, "web");
  const removed = await run("deployment", "remove", "web");
  assert.match(removed.out, /^deployment web is being removed/);
  assert.equal((await run("deployment", "show", "ghost")).code, 3);
});

const badDeployments: readonly (readonly [string, string, number, RegExp])[] = [
  [
    "a version without definition",
    deployment("{ version: '1' }, { version: '7' }"),
    2,
    /versions\.1\.version: there is no version 7 of "process:web"/,
  ],
  [
    "a version that is none",
    deployment("{ version: 'x' }"),
    2,
    /input\.yaml line 3: versions\.0\.version: "x" is no version/,
  ],
  [
    "an input that no version has",
    deployment("{ version: '1' }", "inputs: { PORT: 1 }\n"),
    2,
    /inputs\.PORT: no version of the deployment has an input of this name/,
  ],
  [
    "two deployments",
    `${deployment("{ version: '1' }")}---\n${deployment("{ version: '1' }")}`,
    2,
    /holds 2 deployments/,
  ],
];

test("a deployment with a fault ends with its place, and nothing is changed", async (context) => {
  const { run, runFile } = await createWorld(context);
  await runFile(definition("1"), "definition", "add");
  for (const [what, content, code, pattern] of badDeployments) {
    const ran = await runFile(content, "deployment", "add");
    assert.equal(ran.code, code, `${what}: ${ran.err}`);
    assert.match(ran.err, pattern, what);
  }
  assert.match((await run("deployment", "list")).out, /^no deployments yet/);
});

test("check names the clause that fails, and ends with 1 where nothing fits", async (context) => {
  const { run, runFile, server } = await createWorld(context);
  await server.agent("n1");
  await server.agent("n2");
  assert.equal((await run("node", "set", "n2", "--property", "rack=r2")).code, 0);
  await runFile(definition("1"), "definition", "add");
  await runFile(deployment("{ version: '1' }", "constraint: rack == r1\n"), "deployment", "add");
  const all = await run("check", "web");
  assert.equal(all.code, 0);
  assert.match(all.out, /n1 +yes +1 /);
  assert.match(all.out, /n2 +no +- +.*rack == r1.*\nweb fits 1 of 2 nodes\n$/);
  assert.equal((await run("check", "web", "--node", "n2")).code, 1);
  assert.equal((await run("check", "web", "--node", "ghost")).code, 3);
  assert.equal((await run("check", "ghost")).code, 3);
});

test("node set reads values as they look, and refuses what is not a person's to say", async (context) => {
  const { run, server } = await createWorld(context);
  await server.agent("n1");
  const words = ["a=true", "b=3.5", 'c="3"', "d=[x, y]", "e=1.2.3", "f="];
  const set = await run("node", "set", "n1", ...words.flatMap((word) => ["--property", word]));
  assert.equal(set.code, 0, set.err);
  const shown = JSON.parse((await run("node", "show", "n1", "-o", "json")).out);
  assert.deepEqual(shown.setProperties, {
    ...{ a: true, b: 3.5, c: "3", d: ["x", "y"], e: "1.2.3", f: "" },
  });
  const asked = await run(
    "node",
    "set",
    "n1",
    "--constraint",
    "version >= 2",
    "--remove-property",
    "d",
  );
  assert.equal(asked.code, 0, asked.err);
  const text = (await run("node", "show", "n1")).out;
  assert.match(text, /asks for +version >= 2\n/);
  assert.doesNotMatch(text, /d=\[x/);
  for (const [flags, code, pattern] of [
    [[], 2, /nothing is to be set/],
    [["--property", "cores=4"], 2, /setProperties\.cores: Holdfast itself says this/],
    [["--property", "cores"], 2, /has no name and "="/],
    [["--constraint", "version >"], 2, /constraint: at character 10/],
    [["--constraint", "tier == x"], 2, /no deployment or definition has a property "tier"/],
    [["--constraint", "version > 1", "--remove-constraint"], 2, /are given both/],
    [["--property", "a=1", "--remove-property", "a"], 2, /it is set, too/],
  ] as const) {
    const ran = await run("node", "set", "n1", ...flags);
    assert.equal(ran.code, code, flags.join(" "));
    assert.match(ran.err, pattern);
  }
  assert.equal((await run("node", "set", "ghost", "--property", "a=1")).code, 3);
});

test("an order about a rollout that there is not is refused", async (context) => {
  const { run, runFile } = await createWorld(context);
  await runFile(definition("1"), "definition", "add");
  await runFile(deployment("{ version: '1' }"), "deployment", "add");
  for (const order of ["pause", "resume", "abort"]) {
    const ran = await run("rollout", order, "web");
    assert.equal(ran.code, 5, ran.err);
    assert.match(ran.err, /has had no rollout yet/);
    assert.equal((await run("rollout", order, "ghost")).code, 3);
  }
  assert.match((await run("rollout", "history", "web")).out, /has had no rollout yet/);
  assert.match((await run("rollout", "status", "web")).out, /has had no rollout yet/);
});

test("apply makes definitions and deployments, and then nothing differs", async (context) => {
  const { run, runFile } = await createWorld(context);
  const file = `kind: Deployment\n${deployment("{ version: '1' }")}---\nkind: Definition\n${definition("1")}`;
  const diff = await runFile(file, "diff");
  assert.equal(diff.code, 1, diff.err);
  assert.match(diff.out, /^\+ definition process:web\/1 \(new\)[\s\S]*^\+ deployment web \(new\)/m);
  const applied = await runFile(file, "apply");
  assert.equal(
    applied.out,
    "definition process:web/1 is added\ndeployment web is added\n",
    applied.err,
  );
  assert.deepEqual((await runFile(file, "diff")).out, "nothing differs\n");
  const other = file.replace("/bin/true", "/bin/false");
  const refused = await runFile(other, "apply");
  assert.equal(refused.code, 4);
  assert.match(refused.err, /definition process:web\/1: version 1 .*never changes/);
  assert.equal((await run("deployment", "show", "web")).code, 0);
});

test("instances are no services of a person's, in lists neither if that is asked for", async (context) => {
  const { run } = await createWorld(context);
  const refused = await run("service", "add", "process:web@n1", "--command", "/bin/true");
  assert.equal(refused.code, 5, refused.err);
  assert.match(refused.err, /"process:web@n1" belongs to deployment "web": change that/);
  assert.equal((await run("service", "list", "--no-instances")).code, 0);
});

test("deployment add --wait follows it to its end, and tells one that went back", async (context) => {
  const { run, runFile, server } = await createWorld(context);
  const stuck = new Set<string>();
  await runAgents(context, server, { nodes: ["n1", "n2"], stuck });
  const three = ["1", "2", "3"].map((version) => definition(version)).join("---\n");
  assert.equal((await runFile(three, "definition", "add")).code, 0);
  const add = (versions: string, ...words: string[]) =>
    runFile(deployment(versions, "rollout: { healthyForMs: 0 }\n"), "deployment", "add", ...words);
  const first = await add("{ version: '1' }", "--wait");
  assert.deepEqual([first.code, first.out], [0, "deployment web is at generation 1\n"], first.err);
  assert.match(first.err, /web on n1 is running \(1\)\n/);
  const second = await add("{ version: '2' }, { version: '1' }", "--wait");
  assert.equal(second.code, 0, second.err);
  assert.match(second.err, /^web is changed on 2 nodes: n1, n2\nits rollout takes 2 steps/);
  assert.match(second.err, /rollout 1 of web to version 2 has succeeded, 2 of 2 done/);
  const again = await run("rollout", "status", "web", "--watch");
  assert.equal(again.code, 0, again.err);
  assert.match(
    again.out,
    /^rollout 1 to version 2 has succeeded after .*\nNODE .*\nn1 +2 +running/,
  );
  stuck.add("n1").add("n2");
  const tried = "{ version: '3', retries: 1, retryDurationMs: 200ms }, { version: '2' }";
  assert.equal((await add(tried)).code, 0);
  const late = await add(tried, "--wait", "--timeout", "100ms");
  assert.equal(late.code, 1);
  assert.match(late.err, /after 0\.1 s: web on n\d is upgrading/);
  const following = run("deployment", "status", "web", "--watch");
  const history = async () => (await run("rollout", "history", "web")).out;
  await eventually("it goes back", async () => /^2 .*rolling-back/m.test(await history()));
  stuck.clear();
  const followed = await following;
  assert.equal(followed.code, 1);
  assert.match(followed.err, /holdfast: rollout 2 of web was rolled back: it failed on \d of 2/);
  assert.match(await history(), /^2 +3 +rolled-back .*all 2 are as they were, 1 failed/m);
  const removed = await run("deployment", "remove", "web", "--wait");
  assert.deepEqual([removed.code, removed.out], [0, "deployment web is gone\n"], removed.err);
  assert.equal((await run("deployment", "status", "web", "--watch")).code, 3);
});

test("deployment add --dry-run ends with 1 where the rollout could not end", async (context) => {
  const { run, runFile, server } = await createWorld(context);
  await runAgents(context, server, { nodes: ["n1", "n2"], stuck: new Set() });
  await runFile(`${definition("1")}---\n${definition("2")}`, "definition", "add");
  assert.equal(
    (await runFile(deployment("{ version: '1' }"), "deployment", "add", "--wait")).code,
    0,
  );
  assert.equal((await run("node", "maintenance", "on", "n2")).code, 0);
  const dry = await runFile(deployment("{ version: '2' }"), "deployment", "add", "--dry-run");
  assert.equal(dry.code, 1, dry.err);
  assert.match(dry.out, /cannot come to an end as things are:\n {2}n2: .*maintenance/);
  assert.match((await run("deployment", "show", "web")).out, /versions +1\n/);
});

test("names of definitions and deployments are completed", async (context) => {
  const { run, runFile } = await createWorld(context);
  await runFile(`${definition("1")}---\n${definition("2")}`, "definition", "add");
  await runFile(deployment("{ version: '1' }"), "deployment", "add");
  const complete = async (...words: string[]) => (await run("complete", "--", ...words)).out;
  assert.match(await complete("deployment", "show", ""), /^web\tprocess:web$/m);
  assert.match(await complete("rollout", "pause", "w"), /^web\t/);
  assert.match(await complete("check", "w"), /^web\t/m);
  assert.equal(await complete("definition", "show", "p"), "process:web\t\n");
});
