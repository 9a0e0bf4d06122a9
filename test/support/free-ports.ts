/**
 * Ports for servers that a test starts. They are none of those that the kernel gives to outgoing connections, no other
 * test file that runs at the same time gets them (`HOLDFAST_TEST_PORTS`), and none is given twice to one: a server that is
 * down for a while finds its own port free when it comes back.
 */
import { createServer } from "node:net";

const host = "127.0.0.1";
const [first, last] = rangeOf(process.env["HOLDFAST_TEST_PORTS"] ?? "12000-29999");
let next = first + Math.floor(Math.random() * (last - first));
const given = new Set<number>();

/** So many different free ports of 127.0.0.1. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePortOf(1));
  return ports;
}

/** One of them. */
export function freePort(): Promise<number> {
  return freePortOf(1);
}

/** A port that is free together with the next two, as a server needs them. */
export function freePortOfThree(): Promise<number> {
  return freePortOf(3);
}

/** The first one of so many in a row. */
async function freePortOf(count: number): Promise<number> {
  for (let tried = 0; tried <= last - first; tried += count) {
    if (next + count - 1 > last) next = first;
    const ports = Array.from({ length: count }, (_, index) => next + index);
    next += count;
    if (ports.some((port) => given.has(port))) continue;
    for (const port of ports) given.add(port);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return ports[0] ?? 0;
  }
  throw new Error(`no ${count} free ports in a row from ${first} to ${last}`);
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen(port, host, () => server.close(() => resolve(true)));
  return promise;
}

/** `FIRST-LAST` */
function rangeOf(text: string): readonly [number, number] {
  const [from, to] = text.split("-").map(Number);
  if (!Number.isInteger(from) || !Number.isInteger(to)) {
    throw new Error(`HOLDFAST_TEST_PORTS is "${text}", and not FIRST-LAST`);
  }
  return [from ?? 0, to ?? 0];
}
