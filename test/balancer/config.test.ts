/** Generated configurations, judged by the programs that they are for. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { configKinds } from "../../src/balancer/config/write-config.ts";
import { type Bench, createBench } from "../cli/harness.ts";
import { makeTestCertificates } from "../support/test-certificates.ts";
import { findProgram } from "./support/fronts.ts";

const isRoot = process.getuid?.() === 0;

/** All kinds of addresses: with and without name, both families, both protocols. */
const servers = [
  "https://127.0.0.1:7441",
  "https://[::1]:7442",
  "https://localhost:7443",
  "http://127.0.0.1:7444",
].join();

interface Judged {
  readonly status: number | null;
  readonly words: string;
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-balancer-config-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function run(command: readonly string[]): Judged {
  const [program = "", ...words] = command;
  const { status, stdout, stderr } = spawnSync(program, words, {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, words: `${stdout}${stderr}` };
}

async function config(t: TestContext, words: readonly string[]): Promise<string> {
  const bench = await createBench(t);
  const ran = await bench.run(["balancer", "config", "--servers", servers, ...words]);
  assert.equal(ran.code, 0, ran.err);
  return ran.out;
}

/** The cluster's answer when it is asked for its servers. */
function listServers(bench: Bench, items: readonly unknown[]): void {
  bench.server.override = ({ path }, response) => {
    if (path !== "/v1/servers") return false;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ items }));
    return true;
  };
}

async function judge(
  t: TestContext,
  text: string,
  by: (file: string, folder: string) => Judged,
): Promise<void> {
  const folder = folderOf(t);
  const file = join(folder, "config");
  writeFileSync(file, text);
  const good = by(file, folder);
  assert.equal(good.status, 0, good.words);
  // The judge does see what is wrong.
  writeFileSync(file, text.replace(/^( +)(balance|least_conn|priority)/m, "$1nonsense"));
  assert.notEqual(by(file, folder).status, 0);
}

describe("holdfast balancer config", () => {
  const haproxy = findProgram("haproxy");
  for (const check of ["readyz", "tcp"]) {
    it(`--for haproxy --check ${check} is accepted by haproxy`, {
      skip: haproxy === undefined && "haproxy is not installed",
    }, async (t) => {
      const { caFile } = makeTestCertificates(folderOf(t));
      for (const trust of [[], ["--authority-file", caFile]]) {
        const text = await config(t, ["--for", "haproxy", "--check", check, ...trust]);
        await judge(t, text, (file) => run([haproxy ?? "", "-c", "-f", file]));
      }
    });
  }

  const nginx = findProgram("nginx");
  const nginxSkip =
    nginx === undefined ? "nginx is not installed" : !isRoot && "nginx needs root to check";
  it("--for nginx is accepted by nginx", { skip: nginxSkip }, async (t) => {
    const text = await config(t, ["--for", "nginx", "--connections-max", "100"]);
    await judge(t, text, (file, folder) => {
      const pid = `pid ${join(folder, "nginx.pid")};`;
      return run([nginx ?? "", "-t", "-c", file, "-e", "stderr", "-g", pid]);
    });
  });

  const keepalived = findProgram("keepalived");
  const keepalivedSkip =
    keepalived === undefined
      ? "keepalived is not installed"
      : !isRoot && "a network namespace to check in needs root";
  const files: Readonly<Record<string, readonly string[]>> = {
    "beside a server": ["--on", "1", "--authority-file", "/etc/holdfast/ca.crt"],
    "beside a balancer": ["--follows", "balancer", "--priority", "150", "--router-id", "7"],
  };
  for (const [name, words] of Object.entries(files)) {
    it(`--for keepalived ${name} is accepted by keepalived`, {
      skip: keepalivedSkip,
    }, async (t) => {
      for (const address of ["10.0.0.100/24", "2001:db8::100/64"]) {
        const floating = ["--for", "keepalived", "--address", address, "--interface", "veth-test"];
        const text = await config(t, [...floating, ...words]);
        await judge(t, text, (file) => {
          const cable = "ip link add veth-test type veth peer name veth-peer";
          const script = `${cable} && ip link set veth-test up && exec "$0" -t -f "$1"`;
          return run(["unshare", "--net", "sh", "-c", script, keepalived ?? "", file]);
        });
      }
    });
  }

  it("has each server, its checks and their times for haproxy", async (t) => {
    const words = ["--for", "haproxy", "--listen", "10.9.9.9:7440", "--authority-file", "/ca.crt"];
    const text = await config(t, words);
    const lines = text.split("\n").map((line) => line.trim());
    for (const line of [
      "mode tcp",
      "bind 10.9.9.9:7440",
      "balance leastconn",
      "http-check expect status 200",
      "default-server inter 1000ms fall 2 rise 3 on-marked-down shutdown-sessions",
      "server server-1 127.0.0.1:7441 check check-ssl verify required ca-file /ca.crt",
      "server server-4 127.0.0.1:7444 check",
    ]) {
      assert.ok(lines.includes(line), `${line}\nis not in\n${text}`);
    }
  });

  it("gives each server's machine its own priority for keepalived", async (t) => {
    const floating = ["--for", "keepalived", "--address", "10.0.0.100/24", "--interface", "eth0"];
    const first = await config(t, [...floating, "--on", "1"]);
    const second = await config(t, [...floating, "--on", "server-2"]);
    assert.match(first, /priority 200\n/);
    assert.match(second, /priority 199\n/);
    assert.match(second, /https:\/\/\[::1\]:7442\/readyz/);
    const routerIds = [first, second].map((text) => /virtual_router_id (\d+)/.exec(text)?.[1]);
    assert.deepEqual(routerIds, ["100", "100"], "it is the same on all machines");
  });

  const keepalivedWords = [
    "--for",
    "keepalived",
    "--address",
    "10.0.0.1/24",
    "--interface",
    "eth0",
  ];
  const refusals: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["no address that moves", ["--for", "keepalived"], /add --address IP\/BITS --interface NAME/],
    ["no machine", keepalivedWords, /each machine has a file of its own: say which/],
    ["a server that is not there", [...keepalivedWords, "--on", "9"], /there is no server "9"/],
    [
      "an address without prefix",
      ["--for", "keepalived", "--address", "10.0.0.1", "--interface", "eth0"],
      /write it like 10.0.0.100\/24/,
    ],
    [
      "an interface that would add to the file",
      ["--for", "keepalived", "--address", "10.0.0.1/24", "--interface", "eth0\n}"],
      /is no network interface/,
    ],
    [
      "an authority's file that would add to the file",
      ["--for", "haproxy", "--authority-file", "/a b"],
      /is no absolute path of plain characters/,
    ],
    ["no address to listen on", ["--for", "haproxy", "--listen", "7440"], /is no address/],
    [
      "something odd to listen on",
      ["--for", "nginx", "--listen", "a;b:1"],
      /is no address to listen on/,
    ],
  ];
  for (const [name, words, error] of refusals) {
    it(`refuses ${name}`, async (t) => {
      const bench = await createBench(t);
      const ran = await bench.run(["balancer", "config", "--servers", servers, ...words]);
      assert.equal(ran.code, 2);
      assert.match(ran.err, error);
      assert.equal(ran.out, "");
    });
  }

  for (const kind of configKinds) {
    it(`--for ${kind} is not written from an empty list`, async (t) => {
      const bench = await createBench(t);
      listServers(bench, []);
      const words = ["balancer", "config", "--for", kind, "--address", "10.0.0.1/24"];
      const ran = await bench.run([...words, "--interface", "eth0", "--on", "1"]);
      assert.equal(ran.code, 1);
      assert.match(ran.err, /does not say where the servers are found; name them with --servers/);
      assert.equal(ran.out, "", "there is nothing that could become a file");
    });
  }

  it("takes the servers that the cluster names, also one that does not answer now", async (t) => {
    const bench = await createBench(t);
    const common = { role: "follower", isManager: false };
    const items = [
      { ...common, id: "1", name: "alpha", url: "https://10.0.0.1:7440", health: "ok" },
      { ...common, id: "4", name: "delta", url: "https://10.0.0.4:7440", health: "unreachable" },
    ];
    listServers(bench, items);
    const ran = await bench.run(["balancer", "config", "--for", "nginx"]);
    const found = [...ran.out.matchAll(/^ +server (\S+) max_fails/gm)].map((match) => match[1]);
    assert.deepEqual(found, ["10.0.0.1:7440", "10.0.0.4:7440"]);
  });
});

describe("holdfast balancer run", () => {
  it("hands flags, then the file's fields, then defaults to what it starts", async (t) => {
    const bench = await createBench(t);
    const tokenFile = await bench.file("reader.token", "secret\n");
    await bench.file(
      "balancer.yaml",
      `servers: [https://10.0.0.1:7440]\nlisten: 10.0.0.9:7440\ndrain: 30s\ntokenFile: ${tokenFile}\nca: /etc/ca.crt\n`,
    );
    const environment = {};
    assert.equal((await bench.run(["balancer", "run"], { environment })).code, 0);
    const words = [
      "balancer",
      "run",
      "--listen",
      "[::]:7441",
      "--servers",
      "http://a:1,http://b:2",
    ];
    assert.equal((await bench.run([...words, "--check", "tcp"], { environment })).code, 0);
    const [first, second] = bench.started.balancer.map(({ log: _, ...rest }) => rest);
    const common = {
      token: "secret",
      authorityFile: "/etc/ca.crt",
      dataDirectory: "/var/lib/holdfast-balancer",
      connectionsMax: 20_000,
      drainMs: 30_000,
    };
    assert.deepEqual(first, {
      ...common,
      listen: { host: "10.0.0.9", port: 7440 },
      servers: ["https://10.0.0.1:7440"],
      check: "readyz",
    });
    assert.deepEqual(second, {
      ...common,
      listen: { host: "::", port: 7441 },
      servers: ["http://a:1", "http://b:2"],
      check: "tcp",
    });
  });
});
