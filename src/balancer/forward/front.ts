/**
 * The side that clients see: takes connections, finds each a server that takes it, and joins the two. A connection
 * is only given up when no server takes it; nothing was read from it until then.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { reasonOf } from "../../client/transport.ts";
import { assert } from "../../core/assert.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { connectTimeoutMs, type ListenAddress, writeAddress } from "../config/balancer-settings.ts";
import type { Member, Pool } from "../pool.ts";
import { inOrderOfChoice } from "./choice.ts";
import { closeOf, joinSockets } from "./tunnel.ts";

/** So many servers are tried for one connection: each may cost the time of a connection that does not come about. */
const attemptsMax = 3;
/** Connections that the kernel keeps until they are taken, e.g. when all agents come at once. */
const backlogMax = 4_096;
/** A peer that is gone without a word is noticed after this and a few seconds more. */
const keepAliveDelayMs = 30_000;
const complainEveryMs = 1_000;

export interface FrontOptions {
  readonly listen: ListenAddress;
  readonly connectionsMax: number;
  readonly pool: Pool;
  readonly clock: Clock;
  readonly log: Log;
  /** A server did not take a connection. */
  readonly onTrouble: () => void;
}

/** Takes connections until it is closed. */
export interface Front {
  readonly address: ListenAddress;
  connectionCount(): number;
  /** Takes no more connections; those that there are go on until they end or the time is over. */
  close(drainMs: number): Promise<void>;
}

/** Begins to listen; the error is one line for the operator. */
export async function openFront(options: FrontOptions): Promise<Result<Front, string>> {
  const front = new ListeningFront(options);
  const { host, port } = options.listen;
  const listening = await listen(front.server, options.listen);
  if (listening.ok) return ok(front);
  return err(`cannot listen on ${writeAddress({ host, port })}: ${listening.error}`);
}

function listen(server: Server, { host, port }: ListenAddress): Promise<Result<void, string>> {
  const { promise, resolve } = Promise.withResolvers<Result<void, string>>();
  server.once("error", (error) => resolve(err(sentenceOfSystemError(error))));
  server.listen({ host, port, backlog: backlogMax }, () => resolve(ok(undefined)));
  return promise;
}

class ListeningFront implements Front {
  readonly server: Server;
  readonly #options: FrontOptions;
  readonly #clients = new Set<Socket>();
  #chosenCount = 0;
  #complainedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.server = createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveDelayMs,
    });
    this.server.maxConnections = options.connectionsMax;
    this.server.on("connection", (client) => {
      void this.#take(client);
    });
    this.server.on("drop", () => {
      this.#complain(`refuses connections: there are ${options.connectionsMax} already`);
    });
  }

  get address(): ListenAddress {
    const address = this.server.address();
    assert(isAddressInfo(address), "a TCP server has an address and a port");
    return { host: address.address, port: address.port };
  }

  connectionCount(): number {
    return this.#clients.size;
  }

  async close(drainMs: number): Promise<void> {
    const { clock } = this.#options;
    const { promise: isClosed, resolve } = Promise.withResolvers<void>();
    this.server.close(() => resolve()); // called when the last connection has ended
    const cancel = clock.after(drainMs, () => {
      for (const client of this.#clients) client.destroy();
    });
    await isClosed;
    cancel();
  }

  async #take(client: Socket): Promise<void> {
    this.#clients.add(client);
    client.once("close", () => this.#clients.delete(client));
    client.on("error", ignore); // the close that follows tells all that matters
    const tried = new Set<Member>();
    while (tried.size < attemptsMax && !client.destroyed) {
      const member = this.#choose(tried);
      if (member === undefined) break;
      tried.add(member);
      if (await this.#tryJoin(client, member)) return;
    }
    if (client.destroyed) return;
    client.destroy();
    this.#complain("has no server for a connection", { triedCount: tried.size });
  }

  /** Whether the connection is joined to this server, or needs none any more. */
  async #tryJoin(client: Socket, member: Member): Promise<boolean> {
    member.connectingCount += 1;
    const connected = await this.#connect(client, member);
    member.connectingCount -= 1;
    if (client.destroyed) {
      if (connected.ok) connected.value.destroy();
      return true;
    }
    if (!connected.ok) {
      this.#distrust(member, connected.error);
      return false;
    }
    // It was taken off the list, or the balancer ends.
    if (member.stop.signal.aborted) {
      connected.value.destroy();
      return false;
    }
    const tunnel = joinSockets(client, connected.value);
    member.tunnels.add(tunnel);
    void tunnel.closed.then(() => member.tunnels.delete(tunnel));
    return true;
  }

  #choose(tried: ReadonlySet<Member>): Member | undefined {
    const left = this.#options.pool.members.filter((member) => !tried.has(member));
    const member = inOrderOfChoice(left)[0];
    if (member === undefined) return undefined;
    this.#chosenCount += 1;
    member.lastChosen = this.#chosenCount;
    return member;
  }

  async #connect(client: Socket, { backend }: Member): Promise<Result<Socket, string>> {
    const { clock } = this.#options;
    const { promise, resolve } = Promise.withResolvers<Result<Socket, string>>();
    const server = connect({
      host: backend.host,
      port: backend.port,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveDelayMs,
    });
    const cancel = clock.after(connectTimeoutMs, () => {
      server.destroy(new Error(`no connection within ${connectTimeoutMs} ms`));
    });
    server.once("connect", () => resolve(ok(server)));
    server.once("error", (error) => resolve(err(reasonOf(error))));
    const giveUp = (): void => {
      server.destroy(new Error("the client has gone"));
    };
    client.once("close", giveUp);
    const connected = await promise;
    client.off("close", giveUp);
    cancel();
    if (!connected.ok) await closeOf(server);
    return connected;
  }

  #distrust(member: Member, because: string): void {
    const { log, onTrouble } = this.#options;
    if (!member.isSuspect) {
      log.write("warn", `server "${member.backend.name}" took no connection: ${because}`);
    }
    member.isSuspect = true;
    onTrouble();
  }

  /** Says it, but not for each of thousands. */
  #complain(sentence: string, fields?: Readonly<Record<string, unknown>>): void {
    const { clock, log } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#complainedAtMs < complainEveryMs) return;
    this.#complainedAtMs = nowMs;
    log.write("warn", sentence, fields);
  }
}

function ignore(): void {
  // nothing to do
}

function isAddressInfo(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === "object" && address !== null;
}
