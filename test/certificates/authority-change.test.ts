/** A change of the authority: add, wait, switch, drop; with live handshakes both ways after every single step. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { swapCertificate, type TlsMaterial } from "../../src/adapters/certificates/hot-swap.ts";
import { openPkiDirectory } from "../../src/adapters/certificates/pki-directory.ts";
import type { PairName, PkiDirectory } from "../../src/ports/certificates.ts";
import {
  type EchoServer,
  handshake,
  issuePair,
  makeAuthority,
  must,
  refusal,
  startEcho,
  type TestAuthority,
  temporaryFolder,
} from "./support/tools.ts";

interface Machine {
  readonly pair: PairName;
  readonly directory: PkiDirectory;
  /** undefined: an agent, which only calls. */
  readonly echo: EchoServer | undefined;
  remove(): Promise<void>;
}

let old: TestAuthority;
let next: TestAuthority;
let machines: readonly Machine[] = [];

before(async () => {
  [old, next] = [await makeAuthority(), await makeAuthority()];
  machines = await Promise.all((["server", "server", "agent"] as const).map(machineOf));
});
after(async () => {
  await Promise.all(machines.map((machine) => machine.remove()));
});

async function machineOf(pair: PairName): Promise<Machine> {
  const folder = temporaryFolder();
  const directory = must(await openPkiDirectory(folder.path));
  const issued = await issuePair(
    old,
    {},
    { use: pair === "agent" ? "client" : "server-and-client" },
  );
  must(await directory.writePair(pair, { ...issued, authorityPem: old.certificatePem }));
  const shown = await materialOf({ directory, pair });
  const echo = pair === "server" ? await startEcho(shown) : undefined;
  return {
    ...{ pair, directory, echo },
    async remove() {
      await echo?.close();
      folder.remove();
    },
  };
}

/** What the machine shows and trusts now, as its folder has it. */
async function materialOf({
  directory,
  pair,
}: Pick<Machine, "directory" | "pair">): Promise<TlsMaterial> {
  const authorityPem = must(await directory.readTrusted("ca"));
  const present = must(await directory.readPair(pair));
  assert.ok(authorityPem !== undefined && present !== undefined);
  return { ...present, authorityPem };
}

/** Changes one machine and has its server follow, without a restart. */
async function changeOne(
  machine: Machine,
  change: (machine: Machine) => Promise<void>,
): Promise<void> {
  await change(machine);
  if (machine.echo !== undefined) {
    must(swapCertificate(machine.echo.server, await materialOf(machine)));
  }
}

/** Everybody calls every server; both sides verify. */
async function everybodyTalks(): Promise<void> {
  for (const caller of machines) {
    for (const { echo } of machines) {
      if (echo !== undefined) await handshake(echo.port, await materialOf(caller));
    }
  }
}

const both = (): string => old.certificatePem + next.certificatePem;
const trust =
  (pem: () => string) =>
  async ({ directory }: Machine) => {
    must(await directory.writeTrusted("ca", pem()));
  };
const showOneOf =
  (authority: () => TestAuthority) =>
  async ({ directory, pair }: Machine) => {
    must(await directory.writePair(pair, await issuePair(authority())));
  };

test("everybody talks with everybody after each step of each machine, in the right order", async () => {
  await everybodyTalks();
  for (const step of [trust(both), showOneOf(() => next), trust(() => next.certificatePem)]) {
    for (const machine of machines) {
      await changeOne(machine, step);
      await everybodyTalks();
    }
  }
});

test("a machine that has dropped the old authority turns its certificates away", async () => {
  const late = { ...(await issuePair(old)), authorityPem: both() };
  for (const { echo } of machines) {
    if (echo !== undefined) await assert.rejects(handshake(echo.port, late));
  }
});

test("who switches before the others trust the new authority is not understood: one has to wait", async () => {
  // The machines trust `next` alone now; the way back is the same change of authority again.
  const [first, second] = machines;
  assert.ok(first?.echo !== undefined && second?.echo !== undefined);
  const backwards = showOneOf(() => old);
  const early = await first.directory.writePair("server", await issuePair(old));
  assert.match(refusal(early), /trust its authority first/, "it does not even trust itself");
  await changeOne(first, trust(both));
  await everybodyTalks();
  await changeOne(first, backwards);
  await assert.rejects(handshake(first.echo.port, await materialOf(second)));
  await assert.rejects(handshake(second.echo.port, await materialOf(first)));
  for (const machine of machines.slice(1)) await changeOne(machine, trust(both));
  await everybodyTalks();
});
