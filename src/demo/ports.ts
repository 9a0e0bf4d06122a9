/** Looks for TCP ports that are free on this machine now. Another program may still be quicker. */
import { createServer } from "node:net";

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
