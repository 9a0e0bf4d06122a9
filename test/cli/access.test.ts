/** Users, logins, roles, tokens and the audit at the command line, on a real server. */
import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Harness, startHarness } from "../server/harness.ts";
import { type Bench, createBench, type Ran, type RunOptions } from "./harness.ts";

const password = "correct horse";

interface Place {
  readonly harness: Harness;
  readonly bench: Bench;
  /** As the admin. */
  admin(line: string, options?: RunOptions): Promise<Ran>;
  /** As whoever is logged in. */
  user(line: string, options?: RunOptions): Promise<Ran>;
}

async function startPlace(t: TestContext): Promise<Place> {
  const harness = await startHarness(t);
  const bench = await createBench(t);
  const server = { HOLDFAST_SERVER: harness.server.url };
  const run = (line: string, options: RunOptions, environment: Record<string, string>) =>
    bench.run(line.split(" "), { ...options, environment });
  return {
    harness,
    bench,
    admin: (line, options = {}) =>
      run(line, options, { ...server, HOLDFAST_TOKEN: harness.adminToken }),
    user: (line, options = {}) => run(line, options, server),
  };
}

test("user add asks for the password twice, and refuses two different ones, short ones and none", async (t) => {
  const { admin } = await startPlace(t);
  const different = await admin("user add alice --role operator", {
    secrets: [password, "another horse"],
  });
  assert.deepEqual([different.code, /two different/.test(different.err)], [2, true]);
  const short = await admin("user add alice --role operator", { secrets: ["short"] });
  assert.match(short.err, /at least 8 characters/);
  const none = await admin("user add alice --role operator");
  assert.match(none.err, /no terminal .*--password-stdin/);
  const added = await admin("user add alice --role operator", { secrets: [password, password] });
  assert.equal(added.code, 0, added.err);
  assert.match(added.out, /user alice is added: operator; .*holdfast login alice/);
  const twice = await admin("user add alice --role operator --password-stdin", {
    input: `${password}\n`,
  });
  assert.equal(twice.code, 4);
  const list = await admin("user list");
  assert.match(list.out, /^alice +operator +\S+/m);
});

test("login keeps the token in a file of mode 0600, which all commands use until logout", async (t) => {
  const { bench, admin, user } = await startPlace(t);
  await admin("user add alice --role operator --password-stdin", { input: password });
  const wrong = await user("login alice", { secrets: ["wrong horse"] });
  assert.deepEqual([wrong.code, /user/.test(wrong.err)], [5, true]);
  const login = await user("login alice", { secrets: [password] });
  assert.equal(login.code, 0, login.err);
  const file = join(bench.folder, "home", "token");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const token = (await readFile(file, "utf8")).trim();
  assert.ok(!login.out.includes(token), "the token is not shown");
  const self = await user("whoami");
  assert.match(self.out, /^you are +alice$/m);
  assert.match(self.out, /^role +operator$/m);
  assert.match(self.out, /node\.maintenance/);
  const refused = await user("config set profile=fast");
  assert.equal(refused.code, 5);
  assert.match(refused.err, /"settings\.change".*alice, operator/);
  assert.equal((await user("logout")).code, 0);
  await assert.rejects(stat(file), { code: "ENOENT" });
  assert.match((await user("logout")).out, /already logged out/);
  await writeFile(file, `${token}\n`);
  const late = await user("whoami");
  assert.deepEqual([late.code, /not known here/.test(late.err)], [5, true]);
  assert.equal((await user("logout")).code, 0, "a login that is over is ended all the same");
});

test("login sends no password in clear over a network", async (t) => {
  const { user } = await startPlace(t);
  const outcome = await user("login alice --server http://10.0.0.1:7440", { secrets: [password] });
  assert.equal(outcome.code, 2);
  assert.match(outcome.err, /in clear.*https/);
});

test("user password: one's own with the present one, another's by an admin; both end the logins", async (t) => {
  const { admin, user } = await startPlace(t);
  await admin("user add alice --role viewer --password-stdin", { input: password });
  await user("login alice", { secrets: [password] });
  const own = await user("user password", {
    secrets: [password, "another horse", "another horse"],
  });
  assert.equal(own.code, 0, own.err);
  assert.match(own.out, /log in again/);
  assert.equal((await user("whoami")).code, 5);
  const byAdmin = await admin("user password alice --password-stdin", { input: "third horse\n" });
  assert.equal(byAdmin.code, 0, byAdmin.err);
  assert.equal((await user("login alice", { secrets: ["third horse"] })).code, 0);
  const piped = await user("user password --password-stdin", {
    input: "third horse\nfourth horse\n",
  });
  assert.equal(piped.code, 0, piped.err);
  const few = await admin("user password alice --password-stdin", { input: "a\nb\n" });
  assert.deepEqual([few.code, /must hold 1 line/.test(few.err)], [2, true]);
});

test("user role and user remove take effect at once", async (t) => {
  const { admin, user } = await startPlace(t);
  await admin("user add alice --role viewer --password-stdin", { input: password });
  await user("login alice", { secrets: [password] });
  const role = "user role alice --role owner --owns-service process:api --owns-node n1";
  assert.match((await admin(role)).out, /owner of n1, process:api/);
  assert.match((await user("whoami")).out, /^owns +n1, process:api$/m);
  assert.equal((await admin("user remove alice")).code, 0);
  assert.equal((await user("whoami")).code, 5);
  assert.equal((await admin("user remove alice")).code, 3);
});

test("grants that cannot be meant are refused before anything is sent", async (t) => {
  const { admin } = await startPlace(t);
  const cases: readonly (readonly [string, RegExp])[] = [
    ["user add alice", /give --role/],
    ["user add alice --role root", /root/],
    ["user add alice --role owner", /an owner owns something/],
    ["user add alice --role viewer --owns-node n1", /--role owner/],
    ["user add alice --role owner --owns-service api", /--owns-service: "api"/],
    ["token create", /must be said once/],
    ["token create --role viewer --admin", /must be said once/],
    ["token create --node n1 --own", /belongs to nobody/],
  ];
  for (const [line, pattern] of cases) {
    const outcome = await admin(line, { secrets: [password, password] });
    assert.equal(outcome.code, 2, line);
    assert.match(outcome.err, pattern, line);
  }
});

test("role list and role show say what the server allows", async (t) => {
  const { admin } = await startPlace(t);
  const list = await admin("role list");
  assert.match(list.out, /^PERMISSION +VIEWER +OPERATOR +OWNER +ADMIN/m);
  assert.match(list.out, /^service\.start +- +yes +own +yes /m);
  assert.match(list.out, /^settings\.change +- +- +- +yes /m);
  const owner = await admin("role show owner");
  assert.match(owner.out, /^service\.exec +what it owns +run a command/m);
  assert.match(owner.out, /^cluster\.read +everything /m);
  const unknown = await admin("role show root");
  assert.deepEqual([unknown.code, /viewer, operator/.test(unknown.err)], [3, true]);
});

test("token create takes a role and what it owns, and token list shows it", async (t) => {
  const { admin, user } = await startPlace(t);
  await admin("user add alice --role operator --password-stdin", { input: password });
  await user("login alice", { secrets: [password] });
  const made = await admin(
    "token create --role owner --owns-service process:api --name ci --ttl 1h",
  );
  assert.match(made.out, /^hf_[0-9a-f]+_/);
  const own = await user("token create --own --role viewer --name screen");
  assert.equal(own.code, 0, own.err);
  const foreign = await user("token create --role viewer");
  assert.deepEqual([foreign.code, /"token\.create"/.test(foreign.err)], [5, true]);
  const list = (await admin("token list")).out;
  assert.match(list, /^\S+ +owner +process:api +.* ci$/m);
  assert.match(list, /^\S+ +viewer +user alice +.* screen$/m);
  assert.match(list, /^\S+ +user +user alice +.* login$/m);
});

test("audit shows the last changes, takes --since and goes on with --follow", async (t) => {
  const { harness, admin } = await startPlace(t);
  await admin("user add alice --role viewer --password-stdin", { input: password });
  const list = await admin("audit");
  assert.match(list.out, /user\.add alice by admin\/first from 127\.0\.0\.1: viewer$/m);
  const stop = new AbortController();
  const follow = admin("audit --follow --limit 1", {
    signal: stop.signal,
    onOutput: (all) => {
      if (all.includes("user.remove alice")) stop.abort();
      else if (all.includes("user.add alice")) void harness.call("DELETE", "/v1/users/alice");
    },
  });
  const outcome = await follow;
  assert.match(outcome.out, /user\.add alice[\s\S]*user\.remove alice by admin\/first/);
  const none = await admin("audit list --since 1ms -o json");
  assert.equal(none.code, 0, none.err);
});
