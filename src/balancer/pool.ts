/** The servers behind the balancer at the moment: how each is, and which connections it has. */
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Backend, Backends } from "./config/backends.ts";
import type { CheckKind } from "./config/balancer-settings.ts";
import type { Candidate } from "./forward/choice.ts";
import type { Tunnel } from "./forward/tunnel.ts";
import { type HealthState, neverAsked } from "./health/health-state.ts";
import { watchHealth } from "./health/health-watch.ts";
import { type LagMeter, startLagMeter } from "./health/lag-meter.ts";

export interface PoolOptions {
  readonly check: CheckKind;
  readonly authority: () => string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** A server has gone: others may know more. */
  readonly onTrouble: () => void;
}

/** One server, with what is known of it. */
export class Member implements Candidate {
  readonly backend: Backend;
  readonly tunnels: Set<Tunnel> = new Set();
  readonly stop: AbortController = new AbortController();
  health: HealthState = neverAsked;
  isSuspect = false;
  lastChosen = 0;
  /** Connections that are on their way to it. */
  connectingCount = 0;

  constructor(backend: Backend) {
    this.backend = backend;
  }

  get connectionCount(): number {
    return this.tunnels.size + this.connectingCount;
  }
}

export class Pool {
  readonly #options: PoolOptions;
  readonly #members = new Map<string, Member>();
  readonly #watches = new Set<Promise<void>>();
  readonly #lag: LagMeter;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#lag = startLagMeter(options.clock);
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  /** Takes over a list: who stays keeps health and connections, who goes loses them. */
  replace(backends: Backends): void {
    const wanted = new Map(backends.map((backend) => [memberKey(backend), backend]));
    for (const [key, member] of this.#members) {
      if (!wanted.has(key)) this.#remove(key, member);
    }
    for (const [key, backend] of wanted) {
      if (!this.#members.has(key)) this.#add(key, backend);
    }
  }

  /** Ends all checks and connections. */
  async close(): Promise<void> {
    for (const member of this.#members.values()) {
      member.stop.abort();
      endTunnels(member);
    }
    await Promise.all(this.#watches);
    this.#lag.close();
  }

  #add(key: string, backend: Backend): void {
    const { check, authority, clock, log } = this.#options;
    const member = new Member(backend);
    this.#members.set(key, member);
    log.write("info", `balances to ${nameOf(backend)}`);
    const { signal } = member.stop;
    const lag = this.#lag;
    const watch = watchHealth(
      backend,
      { check, authority, clock, signal, lag },
      (state, before) => {
        this.#note(member, state, before);
      },
    );
    this.#watches.add(watch);
    void watch.finally(() => this.#watches.delete(watch));
  }

  #remove(key: string, member: Member): void {
    this.#members.delete(key);
    member.stop.abort();
    this.#options.log.write(
      "info",
      `balances to ${nameOf(member.backend)} no more: it is not on the list of servers`,
      { endedConnectionCount: member.tunnels.size },
    );
    endTunnels(member);
  }

  #note(member: Member, state: HealthState, before: HealthState): void {
    member.health = state;
    if (state.kind === "ready" && state.againstCount === 0) member.isSuspect = false;
    if (state.kind === before.kind) return;
    const isDown = state.kind !== "ready";
    const endedConnectionCount = isDown ? member.tunnels.size : 0;
    this.#options.log.write(
      isDown ? "warn" : "info",
      `${nameOf(member.backend)}: ${before.kind} → ${state.kind}, ${state.because}`,
      { endedConnectionCount },
    );
    if (!isDown) return;
    // Its streams would stay silent; whoever holds them finds another server at once.
    endTunnels(member);
    this.#options.onTrouble();
  }
}

function endTunnels(member: Member): void {
  for (const tunnel of member.tunnels) tunnel.destroy();
}

/** A server that changes from HTTP to HTTPS has to be checked in another way: it is another one. */
function memberKey({ scheme, address }: Backend): string {
  return `${scheme}://${address}`;
}

function nameOf({ name, address }: Backend): string {
  return `server "${name}" at ${address}`;
}
