/**
 * Three servers hold a floating address in turn: it is never on two interfaces at once, whatever becomes of the
 * manager's server, its guard, its host or its network; and it moves, in times that are said.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { holdsFor, waitFor } from "../e2e/harness/wait.ts";
import { runTool } from "../lab/command.ts";
import { ControlPlane } from "../lab/control-plane/control-plane.ts";
import type { Host } from "../lab/host.ts";
import type { Lab } from "../lab/lab.ts";
import { labTest } from "../lab/lab-test.ts";
import { signal } from "../lab/processes.ts";
import { AddressWitness } from "./support/address-witness.ts";

const names = ["s1", "s2", "s3"];
const address = "10.77.0.250";
const options = {
  file: import.meta.filename,
  hosts: names,
  programs: ["etcd", "etcdctl", "arping"],
  forMsMax: 200_000,
};
/** From the loss of a host to its address elsewhere: election, the wait for the last holder's time, a look who has it. */
const moveMsMax = 20_000;

async function begin(lab: Lab): Promise<World> {
  const serverEnvironment = {
    HOLDFAST_VIP: `${address}/24`,
    HOLDFAST_VIP_INTERFACE: "eth0",
  };
  const plane = await ControlPlane.start(lab, { servers: names, nodes: [], serverEnvironment });
  const witness = new AddressWitness(address);
  for (const host of plane.servers) witness.watch(host);
  return { lab, plane, witness };
}

interface World {
  readonly lab: Lab;
  readonly plane: ControlPlane;
  readonly witness: AddressWitness;
}

/** Does something to the holder, and waits until another one has it and answers there. */
async function moves(
  { lab, plane, witness }: World,
  what: string,
  deed: (holder: Host) => Promise<unknown>,
): Promise<Host> {
  const before = await witness.heldBy(plane.servers);
  const others = plane.servers.filter((host) => host !== before);
  const fromMs = performance.now();
  await deed(before);
  const holder = await witness.heldBy(others, moveMsMax);
  await answers();
  lab.say(`${what}: at ${holder.name} after ${(performance.now() - fromMs).toFixed()} ms`);
  return before;
}

/** A connection to the address itself is taken, from a machine that has known the holder of before. */
async function answers(): Promise<void> {
  await waitFor(`${address} to take connections`, 10_000, () => {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = connect({ host: address, port: 7440, timeout: 300 });
    const finish = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket
      .once("connect", finish(true))
      .once("timeout", finish(false))
      .once("error", finish(false));
    return promise;
  });
}

labTest(
  "a floating address is on one server, whatever becomes of the manager's process",
  options,
  async (lab) => {
    const world = await begin(lab);
    const { plane, witness } = world;
    const stopped = await moves(world, "SIGTERM to the server", async (holder) => {
      await plane.processOf(holder).signal("SIGTERM");
    });
    await plane.processOf(stopped).ended;
    plane.startServer(stopped);
    await plane.allServe();
    const killed = await moves(world, "SIGKILL to the server", async (holder) => {
      await plane.processOf(holder).signal("SIGKILL");
    });
    plane.startServer(killed);
    await plane.allServe();
    const paused = await moves(world, "SIGSTOP to the server", async (holder) => {
      await plane.processOf(holder).signal("SIGSTOP");
    });
    await plane.processOf(paused).signal("SIGCONT");
    await plane.allServe();
    // A guard that is gone is replaced: the address comes back to where it was.
    const holder = await witness.heldBy(plane.servers);
    signal(guardOf(holder), "SIGKILL");
    await waitFor("another guard to have it", 15_000, () => {
      return witness.holder() === holder.name && guardPids(holder).length === 1;
    });
    witness.assertNeverTwice();
    witness.end();
  },
);

labTest(
  "a floating address is on one server, whatever becomes of the manager's host",
  options,
  async (lab) => {
    const world = await begin(lab);
    const { plane, witness } = world;
    const frozen = await moves(world, "the host stands still", (holder) => holder.freeze());
    frozen.thaw();
    await plane.allServe();
    const off = await moves(world, "power loss", async (holder) => {
      await holder.kill();
      witness.forget(holder);
    });
    await off.powerOn();
    witness.watch(off);
    plane.startServer(off);
    await plane.allServe();
    for (const direction of ["both", "out", "in"] as const) {
      await moves(world, `cut off (${direction})`, (holder) =>
        lab.cut(holder.name, "all", { direction }),
      );
      await lab.mendAll();
      await plane.allServe();
    }
    witness.assertNeverTwice();
    witness.end();
  },
);

labTest(
  "a floating address that another machine has is not taken, and taken once it is free",
  options,
  async (lab) => {
    await runTool(["ip", "address", "add", `${address}/24`, "dev", "lab0"]);
    const { plane, witness } = await begin(lab);
    const manager = await plane.manager();
    await waitFor("the server list to say it", 20_000, async () => {
      const lines = await plane.list();
      return lines.some(({ office }) => office?.includes(`another machine answers for ${address}`));
    });
    await holdsFor("nobody takes it", 3_000, () => witness.holder() === undefined);
    await runTool(["ip", "address", "del", `${address}/24`, "dev", "lab0"]);
    assert.equal((await witness.heldBy(plane.servers)).name, manager.name);
    witness.end();
  },
);

function guardOf(host: Host): number {
  const [pid] = guardPids(host);
  assert.ok(pid !== undefined, `a guard runs on ${host.name}`);
  return pid;
}

function guardPids(host: Host): readonly number[] {
  return host
    .processes()
    .map(({ pid }) => pid)
    .filter((pid) => wordsOf(pid).includes("address-guard"));
}

function wordsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    return ""; // it has ended meanwhile
  }
}
