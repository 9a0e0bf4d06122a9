/** Where settings come from: flags before environment before files before defaults; and what roles are started with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { adminToken } from "./fake-server.ts";
import { type Bench, createBench } from "./harness.ts";

const nowhere = "http://127.0.0.1:9";

async function authorizationOf(
  bench: Bench,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const before = bench.server.requests.length;
  await bench.run(["status", ...words], { environment });
  return bench.server.requests[before]?.headers.authorization;
}

test("connect() takes the server from flag, environment, the person's file, the machine's file", async (context) => {
  const bench = await createBench(context);
  const { url } = bench.server;
  const flag = await authorizationOf(bench, ["--server", url], {
    HOLDFAST_SERVER: nowhere,
    HOLDFAST_TOKEN: "a",
  });
  await bench.file("home-cli.yaml", `server: ${nowhere}\n`);
  const environment = await authorizationOf(bench, [], {
    HOLDFAST_SERVER: url,
    HOLDFAST_TOKEN: "b",
  });
  await bench.file("etc-cli.yaml", `server: ${nowhere}\n`);
  await bench.file("home-cli.yaml", `server: ${url}/\n`);
  const home = await authorizationOf(bench, [], { HOLDFAST_TOKEN: "c" });
  await bench.file("home-cli.yaml", "");
  await bench.file("etc-cli.yaml", `server: ${url}\n`);
  const machine = await authorizationOf(bench, [], { HOLDFAST_TOKEN: "d" });
  assert.deepEqual(
    [flag, environment, home, machine],
    ["Bearer a", "Bearer b", "Bearer c", "Bearer d"],
  );
});

test("connect() takes the token from flag, environment, file, the admin's file, or sends none", async (context) => {
  const bench = await createBench(context);
  const environment = { HOLDFAST_SERVER: bench.server.url };
  const none = await authorizationOf(bench, [], environment);
  await bench.file("admin.token", "from-admin\n");
  const admin = await authorizationOf(bench, [], environment);
  await bench.file("home-cli.yaml", `tokenFile: ${await bench.file("t1", "from-config")}\n`);
  const config = await authorizationOf(bench, [], environment);
  const tokenFile = {
    ...environment,
    HOLDFAST_TOKEN_FILE: await bench.file("t2", "from-environment-file"),
  };
  const environmentFile = await authorizationOf(bench, [], tokenFile);
  const direct = { ...tokenFile, HOLDFAST_TOKEN: "from-environment" };
  const environmentToken = await authorizationOf(bench, [], direct);
  const flag = await authorizationOf(
    bench,
    ["--token-file", await bench.file("t3", "from-flag")],
    direct,
  );
  assert.deepEqual(
    [none, admin, config, environmentFile, environmentToken, flag],
    [
      undefined,
      "Bearer from-admin",
      "Bearer from-config",
      "Bearer from-environment-file",
      "Bearer from-environment",
      "Bearer from-flag",
    ],
  );
});

const noOffice = {
  address: undefined,
  followerHook: undefined,
  hookTimeLimitMs: undefined,
  leaderHook: undefined,
};
const defaultOrigins = {
  dataDirectory: "default",
  followerHook: "default",
  hookTimeLimit: "default",
  leaderHook: "default",
  listen: "default",
  logFormat: "default",
  logLevel: "default",
  vip: "default",
  vipInterface: "default",
};

test("server run takes flags before environment before server.yaml before defaults", async (context) => {
  const bench = await createBench(context);
  await bench.run(["server", "run"], { environment: {} });
  await bench.file(
    "server.yaml",
    "data: /file\nlisten: 10.0.0.1:1\nprofile: patient\nlogLevel: warn\n",
  );
  await bench.run(["server", "run"], { environment: {} });
  const environment = {
    HOLDFAST_DATA: "/environment",
    HOLDFAST_LISTEN: "[::1]:2",
    HOLDFAST_PROFILE: "fast",
  };
  await bench.run(["server", "run"], { environment });
  const flags = [
    "--data",
    "/flag",
    "--listen",
    "0.0.0.0:0",
    "--profile",
    "balanced",
    "--log-format",
    "text",
  ];
  await bench.run(["server", "run", ...flags], { environment });
  assert.deepEqual(bench.started.server, [
    {
      office: noOffice,
      origins: defaultOrigins,
      dataDirectory: "/var/lib/holdfast",
      listen: undefined,
      profile: undefined,
      log: { format: "json", level: "info" },
    },
    {
      office: noOffice,
      origins: { ...defaultOrigins, dataDirectory: "file", listen: "file", logLevel: "file" },
      dataDirectory: "/file",
      listen: { host: "10.0.0.1", port: 1 },
      profile: "patient",
      log: { format: "json", level: "warn" },
    },
    {
      office: noOffice,
      origins: {
        ...defaultOrigins,
        dataDirectory: "environment",
        listen: "environment",
        logLevel: "file",
      },
      dataDirectory: "/environment",
      listen: { host: "::1", port: 2 },
      profile: "fast",
      log: { format: "json", level: "warn" },
    },
    {
      office: noOffice,
      origins: {
        ...defaultOrigins,
        dataDirectory: "flag",
        listen: "flag",
        logFormat: "flag",
        logLevel: "file",
      },
      dataDirectory: "/flag",
      listen: { host: "0.0.0.0", port: 0 },
      profile: "balanced",
      log: { format: "text", level: "warn" },
    },
  ]);
});

test("agent run takes several servers, the node's token and its properties", async (context) => {
  const bench = await createBench(context);
  const token = await bench.file("node1.token", `${adminToken}\n`);
  const words = [
    "agent",
    "run",
    "--data",
    "/d",
    "--server",
    "http://a:1, http://b:2/",
    "--token-file",
    token,
    "--property",
    "rack=b",
    "--ha-group",
    "pair",
    "--watchdog-device",
    "/dev/watchdog",
    "--isolate",
    "tracked",
    "--on-exit",
    "stop",
    "--cpu-cores",
    "1.5",
    "--memory",
    "2G",
    "--restart-patience",
    "500ms",
  ];
  await bench.file(
    "agent.yaml",
    "servers: [http://c:3]\nhaGroup: spare\nproperties: { rack: a, cores: 4 }\nmemory: 4G\nshutdownPatience: 2m\n",
  );
  const { code, err } = await bench.run(words, { environment: {}, terminal: true });
  assert.deepEqual([code, err], [0, ""]);
  await bench.run(["agent", "run", "--token-file", token], { environment: {} });
  assert.deepEqual(bench.started.agent, [
    {
      dataDirectory: "/d",
      servers: ["http://a:1", "http://b:2"],
      token: adminToken,
      properties: { rack: "b", cores: 4 },
      haGroup: "pair",
      watchdogDevice: "/dev/watchdog",
      isolation: "tracked",
      onExit: "stop",
      cpuCores: 1.5,
      memoryBytes: 2_147_483_648,
      restartPatienceMs: 500,
      shutdownPatienceMs: 120_000,
      log: { format: "text", level: "info" },
    },
    {
      dataDirectory: "/var/lib/holdfast-agent",
      servers: ["http://c:3"],
      token: adminToken,
      properties: { rack: "a", cores: 4 },
      haGroup: "spare",
      watchdogDevice: undefined,
      isolation: "auto",
      onExit: "keep",
      cpuCores: undefined,
      memoryBytes: 4_294_967_296,
      restartPatienceMs: undefined,
      shutdownPatienceMs: 120_000,
      log: { format: "json", level: "info" },
    },
  ]);
});

test("agent leave names the agent by its data, and says why it is to leave", async (context) => {
  const bench = await createBench(context);
  await bench.file("agent.yaml", "data: /from-file\n");
  const environment = {};
  for (const what of ["restart", "reboot", "power-off"]) {
    const { code, err } = await bench.run(["agent", "leave", "--for", what], { environment });
    assert.deepEqual([code, err], [0, ""]);
  }
  await bench.run(["agent", "leave", "--for", "reboot", "--data", "/d"], { environment });
  assert.deepEqual(bench.started.leave, [
    { dataDirectory: "/from-file", kind: "agent-restart" },
    { dataDirectory: "/from-file", kind: "reboot" },
    { dataDirectory: "/from-file", kind: "power-off" },
    { dataDirectory: "/d", kind: "reboot" },
  ]);
  const { code, err } = await bench.run(["agent", "leave"], { environment });
  assert.equal(code, 2);
  assert.match(err, /--for/);
});

test("agent run refuses a size or a duration in its file that is none, by its name", async (context) => {
  const bench = await createBench(context);
  await bench.file("agent.yaml", "memory: plenty\nrestartPatience: 5\n");
  const { code, err } = await bench.run(["agent", "run"], { environment: {} });
  assert.equal(code, 2);
  assert.match(err, /memory|restartPatience/);
});

test("an agent does not take the admin's token by default", async (context) => {
  const bench = await createBench(context);
  await bench.file("admin.token", "from-admin\n");
  await bench.run(["agent", "run"], { environment: {} });
  assert.deepEqual(
    bench.started.agent.map(({ token }) => token),
    [undefined],
  );
});

test("demo tells its role how to run", async (context) => {
  const bench = await createBench(context);
  await bench.run(["demo", "--once"]);
  await bench.run(["demo", "--profile", "balanced", "--port", "7001", "--keep-files"]);
  assert.deepEqual(bench.started.demo, [
    { mode: "once", profile: "fast", port: 7440, files: "remove" },
    { mode: "live", profile: "balanced", port: 7001, files: "keep" },
  ]);
});

test("connect() takes an empty variable for none", async (context) => {
  const bench = await createBench(context);
  await bench.file("admin.token", "from-admin\n");
  await bench.file("home-cli.yaml", `server: ${bench.server.url}\n`);
  const empty = { HOLDFAST_SERVER: "", HOLDFAST_TOKEN: "", HOLDFAST_TOKEN_FILE: "" };
  assert.equal(await authorizationOf(bench, [], empty), "Bearer from-admin");
});

test("connect() takes this machine's list of servers, and its authority's certificate", async (context) => {
  const bench = await createBench(context);
  const servers = [nowhere, bench.server.url];
  await bench.file("server.json", JSON.stringify({ url: nowhere, pid: 1, servers }));
  assert.equal(await authorizationOf(bench, [], { HOLDFAST_TOKEN: "a" }), "Bearer a");
});

test("connect() finds the server of this machine by what it has left, unless somebody names another", async (context) => {
  const bench = await createBench(context);
  await bench.file("server.json", JSON.stringify({ url: bench.server.url, pid: 1 }));
  assert.equal(await authorizationOf(bench, [], { HOLDFAST_TOKEN: "a" }), "Bearer a");
  const named = await bench.run(["status"], { environment: { HOLDFAST_SERVER: nowhere } });
  assert.match(named.err, /cannot reach http:\/\/127\.0\.0\.1:9/);
  for (const broken of ["", "{", '{"url":"nonsense"}']) {
    await bench.file("server.json", broken);
    const { requests } = bench.server;
    const before = requests.length;
    await bench.run(["status"], { environment: {} });
    assert.equal(requests.length, before, broken);
  }
});
