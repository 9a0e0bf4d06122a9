/**
 * Two connections joined to one: bytes both ways, no faster than the slower side takes them, and each direction
 * ends by itself.
 */
import type { Socket } from "node:net";
import { halfOpenIdleMs } from "../config/balancer-settings.ts";

/** A connection that is being passed on. */
export interface Tunnel {
  /** Ends both sides at once. */
  destroy(): void;
  /** Resolves when both sides are closed. */
  readonly closed: Promise<void>;
}

/** Joins a client with a server; both are connected, and nothing was read from either. */
export function joinSockets(client: Socket, server: Socket): Tunnel {
  const destroy = (): void => {
    cut(client);
    cut(server);
  };
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    from.pipe(to); // also passes on the end, once all bytes before it are out
    from.on("error", destroy);
    from.once("close", () => {
      if (!from.readableEnded) cut(to);
    });
    // Whoever still has something to say after the other's end may be slow, but not silent for ever.
    from.once("end", () => {
      to.setTimeout(halfOpenIdleMs, destroy);
    });
  }
  const closed = Promise.all([closeOf(client), closeOf(server)]).then(() => undefined);
  return { destroy, closed };
}

/**
 * Ends a connection with a reset: what was cut off must not look as if it had come to its end. One whose end is
 * already being sent cannot be reset: Node.js would never free it.
 */
function cut(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** Resolves when a socket is closed. */
export function closeOf(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (socket.closed) resolve();
  else socket.once("close", () => resolve());
  return promise;
}
