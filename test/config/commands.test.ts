/** `config show`, `set` and `diff` against two real servers that share a store. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { openOwnConfig } from "../../src/server/own-config/own-config.ts";
import { startServer } from "../../src/server/start.ts";
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import type { ConfigSource } from "../../src/wire/control-plane/server-config.ts";
import { createBench, type Ran } from "../cli/harness.ts";
import {
  clock,
  eventually,
  type Harness,
  quietLog,
  startHarness,
  temporaryDirectory,
} from "../server/harness.ts";

interface TwoServers {
  readonly first: Harness;
  /** Level of the second one's log, as it was last told. */
  readonly level: () => string;
  stopSecond(): Promise<void>;
  startSecond(): Promise<void>;
  run(words: string, input?: string): Promise<Ran>;
  out(words: string, input?: string): Promise<string>;
}

function ownOf(directory: string, id: string, levelFrom: ConfigSource) {
  return openOwnConfig(directory, {
    logLevel: { value: "info", source: levelFrom },
    logFormat: { value: "json", source: "default" },
    fixed: {
      id: { value: id, source: "identity" },
      dataDirectory: { value: join("/data", id), source: "flag" },
    },
  });
}

/** Of the first server the level is given by a flag, of the second one it is nobody's word. */
async function startTwo(t: TestContext): Promise<TwoServers> {
  const store = createMemoryStore({ clock });
  t.after(() => store.close());
  const [here, there] = [await temporaryDirectory(t), await temporaryDirectory(t)];
  const own = await ownOf(here, "1", "flag");
  assert.ok(own.ok);
  const first = await startHarness(t, {
    ...{ store, dataDirectory: here, serverId: "1", ownConfig: own.value },
  });
  let level = "";
  let second: { close(): Promise<void> } | undefined;
  const startSecond = async () => {
    const ownConfig = await ownOf(there, "2", "default");
    assert.ok(ownConfig.ok);
    level = ownConfig.value.inForce.logLevel;
    ownConfig.value.onChange(({ logLevel }) => {
      level = logLevel;
    });
    const started = await startServer({
      ...{ clock, log: quietLog, listen: { host: "127.0.0.1", port: 0 } },
      ...{ store, dataDirectory: there, version: "0.0.0-test", serverId: "2" },
      ownConfig: ownConfig.value,
    });
    if (!started.ok) throw new Error(started.error);
    second = started.value;
  };
  await startSecond();
  t.after(() => second?.close());
  const bench = await createBench(t);
  const environment = { HOLDFAST_SERVER: first.server.url, HOLDFAST_TOKEN: first.adminToken };
  const run = (words: string, input?: string) =>
    bench.run(words.split(" "), { environment, ...(input === undefined ? {} : { input }) });
  const out = async (words: string, input?: string) => {
    const ran = await run(words, input);
    assert.equal(ran.code, 0, ran.err);
    return ran.out;
  };
  await eventually("both to have told of themselves", async () => {
    return JSON.parse(await out("config show -o json")).servers.length === 2;
  });
  const stopSecond = async () => await second?.close();
  return { first, level: () => level, stopSecond, startSecond, run, out };
}

test("config show has what each server has of its own, and where it has it from", async (t) => {
  const { out, run } = await startTwo(t);
  const all = await out("config show");
  assert.match(all, /^CLUSTER +VALUE +FROM\nprofile +balanced +default$/m);
  assert.match(all, /^SERVER 1 +VALUE +FROM\nid +1 +identity$/m);
  assert.match(all, /^logLevel +info +flag$/m);
  const one = await out("config show --on 2");
  assert.match(one, /^dataDirectory +\/data\/2 +flag\nlogLevel +info +default$/m);
  assert.doesNotMatch(one, /CLUSTER|SERVER 1/);
  const document = parse(await out("config show -o yaml"));
  assert.deepEqual(document, JSON.parse(await out("config show -o json")));
  assert.equal(document.sources.profile, "default");
  const missing = await run("config show --on 3");
  assert.deepEqual([missing.code, /there is no server "3"/.test(missing.err)], [3, true]);
});

test("config set --on changes one server alone, at once, and is in the audit", async (t) => {
  const two = await startTwo(t);
  assert.equal(await two.out("config set logLevel=debug --on 2"), 'server 2 "2": logLevel=debug\n');
  assert.equal(two.level(), "debug");
  const shown = JSON.parse(await two.out("config show -o json")).servers;
  assert.deepEqual(
    shown.map(({ values, sources }: typeof shown) => [values.logLevel, sources.logLevel]),
    [
      ["info", "flag"],
      ["debug", "set"],
    ],
  );
  const audit = await two.out("audit");
  assert.match(audit, /server\.configure server\/2 by .*: \{"logLevel":"debug"\}/);
  await two.out("config set profile=fast");
  assert.equal(two.level(), "debug", "a copy of the cluster's settings is not a server's");
  const back = await two.out("config set logLevel=default logFormat=text --on 2");
  assert.equal(
    back,
    'server 2 "2": logLevel=info\nserver 2 "2": logFormat=json\nafter a restart of server 2 "2": logFormat=text\n',
  );
});

test("config set --on a server that does not run is taken when it does", async (t) => {
  const two = await startTwo(t);
  await two.stopSecond();
  const told = await two.out("config set logLevel=warn --on 2");
  assert.match(told, /server 2 "2" does not run; when it does: logLevel=warn/);
  await two.out("config set logFormat=text --on 2");
  await two.startSecond();
  await eventually("it to have taken both", async () => {
    const { values, pending } = JSON.parse(await two.out("config show --on 2 -o json"));
    return values.logLevel === "warn" && pending.logFormat === "text";
  });
  assert.equal(two.level(), "warn");
});

const refusals: readonly (readonly [string, string, number, RegExp])[] = [
  [
    "what a flag gives",
    "config set logLevel=debug --on 1",
    5,
    /logLevel of server "1" is given by a flag when it is started; take it away there first/,
  ],
  ["an identity", "config set host=10.0.0.1 --on 2", 2, /"host" of a server cannot be set.*remove/],
  ["where its data is", "config set dataDirectory=/x --on 2", 2, /server run --help/],
  ["what all servers have in common", "config set profile=fast --on 2", 2, /no setting of one/],
  ["a server's own, of the cluster", "config set logLevel=debug", 2, /logLevel=VALUE --on SERVER/],
  [
    "a value that is none",
    "config set logLevel=loud --on 2",
    2,
    /none of debug, info, warn, error/,
  ],
  ["a server that there is not", "config set logLevel=info --on 9", 3, /there is no server "9"/],
  ["one server to compare", "config diff --on 1", 2, /give --on twice/],
  ["a file and servers", "config diff - --on 1 --on 2", 2, /leave --on out/],
];

test("config says what cannot be done, and with what it can", async (t) => {
  const { run } = await startTwo(t);
  for (const [what, words, code, says] of refusals) {
    const ran = await run(words);
    assert.equal(ran.code, code, `${what}: ${ran.err}`);
    assert.match(ran.err, says, what);
  }
});

test("config diff between servers names what differs, and nothing that must", async (t) => {
  const { run, out } = await startTwo(t);
  assert.equal(await out("config diff"), "there is no difference\n");
  await out("config set logLevel=debug --on 2");
  const line = 'servers logLevel: 1 "1" info, 2 "2" debug\n';
  for (const words of ["config diff", "config diff --on 2 --on 1"]) {
    const ran = await run(words);
    assert.equal(ran.code, 1);
    assert.match(ran.out, /^servers logLevel: /);
  }
  assert.equal((await run("config diff")).out, line);
  const data = JSON.parse((await run("config diff -o json")).out);
  assert.deepEqual(data, {
    same: false,
    differences: [
      { subject: "servers", key: "logLevel", values: { '1 "1"': "info", '2 "2"': "debug" } },
    ],
  });
});

test("config diff with a file finds every change since, and none that is none", async (t) => {
  const { run, out } = await startTwo(t);
  const file = await out("config show -o yaml");
  for (const kept of [file, await out("config show -o json")]) {
    assert.equal(await out("config diff -", kept), "there is no difference\n");
  }
  await out("config set profile=fast");
  await out("config set logLevel=debug --on 2");
  const changed = await run("config diff -", file);
  assert.equal(changed.code, 1);
  const lines = changed.out.trimEnd().split("\n");
  assert.equal(lines[0], "cluster profile: file balanced, now fast");
  assert.equal(lines.at(-1), 'server 2 "2" logLevel: file info, now debug');
  assert.equal((await run("config diff -", "cluster: {profile: fast}\n")).code, 0);
  const others = await run(
    "config diff -",
    "servers: [{id: '2', values: {}}, {id: '3', values: {}}]",
  );
  assert.equal(
    others.out,
    'server 3: file there, now (none)\nserver 1 "1": file (none), now there\n',
  );
  const broken = await run("config diff -", "cluster:\n  profile: slow\n");
  assert.deepEqual([broken.code, /- line 2: cluster\.profile/.test(broken.err)], [2, true]);
});
