/** Looks for TCP ports that are free on this machine now. Another program may still be quicker. */
import { createServer, type Server } from "node:net";

/** A port that no other demo on this machine takes as long as it is held. */
export interface ClaimedPort {
  readonly port: number;
  letGo(): void;
}

/**
 * `wanted` if it is free and no other demo has claimed it, else another free port. A claim is needed because what
 * uses the port starts only later: of two demos that begin at the same moment, both would find it free.
 */
export async function claimPort(wanted: number): Promise<ClaimedPort> {
  const claim = await tryClaim(wanted);
  const port = claim === undefined ? await freePort(0) : await freePort(wanted);
  return { port, letGo: () => claim?.close() };
}

/** The kernel lets one process at a time listen on a name that begins with a zero, and gives it free when it ends. */
function tryClaim(port: number): Promise<Server | undefined> {
  const { promise, resolve } = Promise.withResolvers<Server | undefined>();
  const server = createServer((socket) => socket.destroy());
  server.once("error", () => resolve(undefined));
  server.listen(`\0holdfast-demo-port-${port}`, () => resolve(server.unref()));
  return promise;
}

/** `wanted` if it is free on 127.0.0.1, else another free port. */
export async function freePort(wanted: number): Promise<number> {
  return (await tryPort(wanted)) ?? (await tryPort(0)) ?? wanted;
}

function tryPort(port: number): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const server = createServer();
  server.once("error", () => resolve(undefined));
  server.listen(port, "127.0.0.1", () => {
    const address = server.address();
    const found = address === null || typeof address === "string" ? undefined : address.port;
    server.close(() => resolve(found));
  });
  return promise;
}
