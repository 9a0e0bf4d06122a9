/**
 * Stands between the members of an etcd cluster, so that a test can cut one off without being root: each member's peer
 * port is reached through a port of this process, which finds out by /proc which member a connection comes from.
 */
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";

interface Link {
  readonly from: number | undefined;
  readonly to: number;
  readonly sockets: readonly [Socket, Socket];
}

export class PeerNetwork {
  /** What the members are told to reach each other by, in their order. */
  readonly ports: readonly number[];
  readonly #servers: readonly Server[];
  readonly #links = new Set<Link>();
  readonly #cutOff = new Set<number>();
  #pids: () => readonly (number | undefined)[] = () => [];

  private constructor(servers: readonly Server[], peerPorts: readonly number[]) {
    this.#servers = servers;
    this.ports = servers.map(portOf);
    for (const [to, server] of servers.entries()) {
      server.on("connection", (socket) => this.#join(socket, { to, port: peerPorts[to] ?? 0 }));
    }
  }

  static async open(peerPorts: readonly number[]): Promise<PeerNetwork> {
    const servers = peerPorts.map(() => createServer({ allowHalfOpen: false }));
    await Promise.all(servers.map((server) => once(server.listen(0, "127.0.0.1"), "listening")));
    return new PeerNetwork(servers, peerPorts);
  }

  /** Tells it how to find the members' processes, in their order. */
  know(pids: () => readonly (number | undefined)[]): void {
    this.#pids = pids;
  }

  /** From now on nothing passes between this member and the others: packets are lost, connections stay open. */
  cutOff(member: number): void {
    this.#cutOff.add(member);
    for (const link of this.#links) this.#apply(link);
  }

  /** All reach each other again; connections that were cut are closed, as by a time-out. */
  heal(): void {
    for (const link of this.#links) if (this.#isCut(link)) close(link);
    this.#cutOff.clear();
  }

  async close(): Promise<void> {
    for (const link of this.#links) close(link);
    const closed = this.#servers.map((server) => once(server.close(), "close"));
    await Promise.all(closed);
  }

  #join(socket: Socket, { to, port }: { readonly to: number; readonly port: number }): void {
    const other = connect(port, "127.0.0.1");
    const from = memberOf(socket.remotePort ?? 0, this.#pids());
    const link: Link = { from, to, sockets: [socket, other] };
    this.#links.add(link);
    for (const one of link.sockets) {
      one.setNoDelay(true).on("error", () => close(link));
      one.on("close", () => {
        close(link);
        this.#links.delete(link);
      });
    }
    socket.pipe(other).pipe(socket);
    this.#apply(link);
  }

  #isCut({ from, to }: Link): boolean {
    // A connection of unknown origin is cut with any: a test must not let messages through by accident.
    if (this.#cutOff.size === 0) return false;
    return this.#cutOff.has(to) || from === undefined || this.#cutOff.has(from);
  }

  #apply(link: Link): void {
    if (!this.#isCut(link)) return;
    for (const socket of link.sockets) socket.unpipe().pause();
  }
}

function close(link: Link): void {
  for (const socket of link.sockets) socket.destroy();
}

/** The index of the process that has a connection from this local port. */
function memberOf(port: number, pids: readonly (number | undefined)[]): number | undefined {
  const inode = inodeOf(port);
  if (inode === undefined) return undefined;
  const index = pids.findIndex((pid) => pid !== undefined && holds(pid, `socket:[${inode}]`));
  return index < 0 ? undefined : index;
}

function inodeOf(port: number): string | undefined {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    const columns = line.trim().split(/\s+/);
    if (columns[1] === local) return columns[9];
  }
  return undefined;
}

function holds(pid: number, target: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === target);
  } catch {
    return false; // the process has ended meanwhile
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // closed meanwhile
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}
