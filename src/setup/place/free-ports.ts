/** Ports of loopback that nobody listens on at the moment. */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { assert } from "../../core/assert.ts";

/** So many different ones; another process may still be quicker to take one. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => once(server.listen(0, "127.0.0.1"), "listening")));
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

function portOf(server: Server): number {
  const address = server.address();
  assert(address !== null && typeof address === "object", "a TCP server has a port");
  return address.port;
}
