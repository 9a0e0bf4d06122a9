/** The cluster's authority is changed under a server and an agent that run: real processes, trust by rotation answers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  authoritiesIn,
  certificateIn,
  isIssuedByOneOf,
} from "../../src/adapters/certificates/pem.ts";
import { openPkiDirectory } from "../../src/adapters/certificates/pki-directory.ts";
import { openConnection, watchUntil } from "../setup/support/open-ends.ts";
import {
  answerOf,
  startControlPlane,
  type TestControlPlane,
  type TestNode,
  type TestServer,
  until,
} from "../support/control-plane.ts";
import { makeAuthority, must, type TestAuthority } from "./support/tools.ts";

/** An agent asks for another certificate after two thirds of it, and a twelfth by chance. */
const lifeMs = 12_000;

test("an agent follows a change of the authority by its rotations, without a restart of anybody", {
  timeout: 120_000,
}, async (t) => {
  const runner = [join(import.meta.dirname, "../setup/support/short-lived.ts"), String(lifeMs)];
  const plane = await startControlPlane({ servers: 1, engine: "embedded", runner });
  t.after(() => plane.stop());
  const [server] = plane.servers;
  assert.ok(server);
  // A lease of a minute: only the guard's last word ends it within seconds.
  answerOf(await plane.client().changeSettings({ profile: "patient" }));
  const node = await plane.joinNode("node1");
  await plane.nodeIsOnline("node1");
  await runs(plane, "process:a");
  const pki = must(await openPkiDirectory(server.dataDirectory));
  const old = must(await pki.readTrusted("ca")) ?? "";
  const next = await makeAuthority("next");
  const before = answerOf(await plane.client().node("node1"));
  const stop = new AbortController();
  const stream = watchUntil(plane.client(), stop.signal);
  // A change of the balancer's name has the server take what is on its disk at once.
  const takeOver = async (name: string | null): Promise<void> => {
    answerOf(await plane.client().putLoadBalancer(name));
  };

  must(await pki.writeTrusted("ca", old + next.certificatePem));
  await takeOver("one.example:7440");
  await until("the agent to trust both", () => trusts(node, [old, next.certificatePem]));

  must(await pki.writeAuthorityKey("ca", next.keyPem));
  await takeOver("two.example:7440");
  await until("the server to show a certificate of the new authority", () => {
    return isShown(server, next);
  });
  await until("the agent to have one of it", () => isIssued(node, next));

  must(await pki.writeTrusted("ca", next.certificatePem));
  await takeOver(null);
  await until("the agent to trust the new one only", () => trusts(node, [next.certificatePem]));

  const after = answerOf(await plane.client().node("node1"));
  assert.deepEqual([after.state, after.epoch], ["online", before.epoch], "its lease went on");
  assert.equal(node.log.includes("cannot renew the certificate"), false, node.log);
  assert.equal(server.log.split("listens on https").length, 2, "the server was started once");
  stop.abort();
  assert.equal(await stream, "went on", "a stream that was open stayed open");

  node.process?.kill("SIGKILL");
  const isLeased = async (): Promise<boolean> =>
    answerOf(await plane.client().node("node1")).leased;
  await until("the guard to be believed and understood", async () => !(await isLeased()), 20_000);
});

async function runs(plane: TestControlPlane, id: string): Promise<void> {
  const process = { command: "/bin/sleep", arguments: ["1000"] };
  answerOf(await plane.client().addService({ id, process }));
  await until(`${id} to run`, async () => {
    return answerOf(await plane.client().service(id)).running === "running";
  });
}

/** Exactly these, as its disk says. */
function trusts({ dataDirectory }: TestNode, wanted: readonly string[]): boolean {
  const pem = readFileSync(join(dataDirectory, "pki", "ca.crt"), "utf8");
  const namesIn = (text: string): string =>
    must(authoritiesIn(text))
      .map(({ fingerprint256 }) => fingerprint256)
      .sort()
      .join();
  return namesIn(pem) === namesIn(wanted.join(""));
}

/** Whether a new connection that trusts this authority alone comes about. */
async function isShown(server: TestServer, { certificatePem }: TestAuthority): Promise<boolean> {
  const connection = openConnection(server, certificatePem);
  const asked = connection.ask().then(
    () => true,
    () => false, // its certificate is still one of the old authority
  );
  return asked.finally(() => connection.close());
}

function isIssued({ dataDirectory }: TestNode, { certificatePem }: TestAuthority): boolean {
  const pem = readFileSync(join(dataDirectory, "pki", "agent.crt"), "utf8");
  return isIssuedByOneOf(must(authoritiesIn(certificatePem)), must(certificateIn(pem)));
}
