/** Servers on etcd that others run, and servers that are reached by IPv6 or by a name. */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Client, createClient } from "../../src/client/client.ts";
import { answerOf, TestProcess, until } from "../support/control-plane.ts";
import { missingForEtcd, startEtcdCluster } from "../support/etcd-cluster.ts";
import { freePortOfThree } from "../support/free-ports.ts";
import { holdfast, temporaryFolder } from "./support/command.ts";

const skip = missingForEtcd();
const options = { skip, timeout: 120_000 };

class Server extends TestProcess {
  readonly url: string;

  private constructor(data: string, url: string) {
    super(data, ["server", "run", "--profile", "fast", "--log-level", "debug"], {});
    this.url = url;
  }

  /** Initialises or joins, and runs. */
  static async make(
    t: TestContext,
    verb: "init" | "join",
    host: string,
    words: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Server> {
    const data = join(temporaryFolder(t), "data");
    const port = await freePortOfThree();
    const place = ["--data", data, "--name", `${verb}-${port}`, "--host", host];
    const made = await holdfast(
      ["server", verb, ...words, ...place, "--port", String(port), "--no-units"],
      env,
    );
    assert.equal(made.code, 0, made.stderr);
    const server = new Server(data, `https://${host.includes(":") ? `[${host}]` : host}:${port}`);
    t.after(() => server.kill());
    server.start();
    return server;
  }

  client(other: Server = this): Client {
    const read = (file: string): string =>
      readFileSync(join(other.dataDirectory, file), "utf8").trim();
    const [authorityPem, token] = [read("pki/ca.crt"), read("admin.token")];
    return createClient({ server: this.url, authorityPem, token });
  }

  async serves(other: Server = this): Promise<void> {
    await until("it to serve", async () => (await this.client(other).cluster()).ok);
  }
}

test(
  "servers on etcd that others run have no members of their own, and leave theirs alone",
  options,
  async (t) => {
    const etcd = await startEtcdCluster({ memberCount: 1, flags: ["--max-txn-ops", "4096"] });
    t.after(() => etcd.stop());
    const { caFile, certificateFile, keyFile } = etcd.certificates;
    const files = ["--etcd-ca", caFile, "--etcd-cert", certificateFile, "--etcd-key", keyFile];
    const first = await Server.make(t, "init", "127.0.0.1", [
      "--etcd",
      etcd.endpoints.join(","),
      ...files,
    ]);
    await first.serves();
    const kept = join(first.dataDirectory, "etcd-client/client.key");
    assert.equal(statSync(kept).mode & 0o777, 0o600);
    const created = answerOf(
      await first.client().createJoinToken({ role: "server", singleUse: true }),
    );
    const env = { HOLDFAST_JOIN_TOKEN: created.token };
    const words = [created.servers.join(","), "--ca-hash", created.authorityHash];
    const second = await Server.make(t, "join", "127.0.0.1", words, env);
    await second.serves(first);
    await until("both to be listed and well", async () => {
      const answer = await second.client(first).servers();
      return (
        answer.ok &&
        answer.value.items.length === 2 &&
        answer.value.items.every(({ health }) => health === "ok")
      );
    });
    const members = await etcd.members[0]?.gateway("/v3/cluster/member/list", {});
    assert.match(members ?? "", /"name":\s*"m0"/, "the member of the others is still there");
    await first.kill();
    await until("the second to decide", async () => {
      const answer = await second.client(first).servers();
      return answer.ok && answer.value.items.some(({ id, isManager }) => id === "2" && isManager);
    });
  },
);

test(
  "server init --etcd moves a stopped server to etcd that others run, once it is empty",
  options,
  async (t) => {
    const etcd = await startEtcdCluster({ memberCount: 1, flags: ["--max-txn-ops", "4096"] });
    t.after(() => etcd.stop());
    const { caFile, certificateFile, keyFile } = etcd.certificates;
    const files = ["--etcd-ca", caFile, "--etcd-cert", certificateFile, "--etcd-key", keyFile];
    const server = await Server.make(t, "init", "127.0.0.1", []);
    await server.serves();
    answerOf(await server.client().createJoinToken({ role: "node", name: "kept" }));
    const move = [
      "server",
      "init",
      "--etcd",
      etcd.endpoints.join(","),
      ...files,
      "--data",
      server.dataDirectory,
      "--no-units",
    ];
    const running = await holdfast(move);
    assert.equal(running.code, 5, running.stderr);
    assert.match(
      running.stderr,
      /a server that runs moves to a member of its own only.*stop it first/s,
    );
    await server.end();

    const base = (text: string): string => Buffer.from(text).toString("base64");
    const foreign = { key: base("/holdfast/data/services/x"), value: base("{}") };
    await etcd.members[0]?.gateway("/v3/kv/put", foreign);
    const full = await holdfast(move);
    assert.equal(full.code, 1);
    assert.match(full.stderr, /this etcd holds data of Holdfast already.*etcdctl del --prefix/);
    await etcd.members[0]?.gateway("/v3/kv/deleterange", { key: foreign.key });

    const moved = await holdfast(move);
    assert.equal(moved.code, 0, moved.stderr);
    assert.match(moved.stdout, /the store is etcd now; start the server/);
    server.start();
    await server.serves();
    const tokens = answerOf(await server.client().joinTokens());
    assert.deepEqual(
      tokens.items.map(({ name }) => name),
      ["kept"],
    );
  },
);

const hasIpv6 = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .some(({ address }) => address === "::1");

for (const host of ["::1", "localhost"]) {
  const reason = hasIpv6 ? skip : "this machine has no IPv6";
  test(`two servers that are reached at ${host} make a cluster`, {
    ...options,
    skip: reason,
  }, async (t) => {
    const first = await Server.make(t, "init", host, ["--ha"]);
    await first.serves();
    const created = answerOf(await first.client().createJoinToken({ role: "server" }));
    assert.deepEqual(created.servers, [first.url]);
    const words = [created.servers.join(","), "--ca-hash", created.authorityHash];
    const second = await Server.make(t, "join", host, words, {
      HOLDFAST_JOIN_TOKEN: created.token,
    });
    await second.serves(first);
    await until("both to vote", async () => {
      const answer = await second.client(first).servers();
      const roles = answer.ok ? answer.value.items.map(({ role }) => role).sort() : [];
      return roles.join() === "follower,leader";
    });
  });
}
