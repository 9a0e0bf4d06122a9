/**
 * Finds out that the manager's server is dead sooner than its lease in the store ends: it is asked for a connection
 * several times a second. The kernel answers for a server that is only busy, so that nobody is deposed for being slow;
 * and nobody is deposed on the word of one server alone, whose own line may be the one that is cut.
 */
import { connect } from "node:net";
import type { Clock } from "../../ports/clock.ts";
import { pause } from "../../runtime/manager-pulse.ts";
import { type ServerReachAnswer, serverReachSchema } from "../../wire/servers.ts";
import type { ViewTables } from "../view/view-tables.ts";
import type { ControlPlane } from "./control-plane.ts";

/** How often it is asked, and how long each connection may take: a lost packet is sent again only after a second. */
const probeEveryMs = 250;
const connectMsMax = 600;
/** So many failures in a row are no accident. */
const failuresMin = 2;
const askOtherMsMax = 600;

export interface ServerReachOptions {
  readonly controlPlane: Pick<ControlPlane, "askPeer"> & { readonly self: { readonly id: string } };
  readonly view: { readonly tables: Pick<ViewTables, "servers"> };
  readonly clock: Clock;
}

export interface ServerReach {
  /** What this server tells others: whom it tries to reach now, in vain. */
  answer(): ServerReachAnswer;
  /**
   * Tries to reach a server until `signal` aborts (false), or it took connections before and takes none any more,
   * neither from here nor from another server (true).
   */
  untilUnreachable(serverId: string, signal: AbortSignal): Promise<boolean>;
}

interface Tried {
  readonly serverId: string;
  /** Whether it ever took a connection: an address that nobody can use proves nothing. */
  wasReached: boolean;
  failureCount: number;
}

/** Of an initialised server, which others ask in turn. */
export function createServerReach(options: ServerReachOptions): ServerReach {
  const { view, clock, controlPlane } = options;
  let tried: Tried | undefined;

  function probe(target: Tried): void {
    const record = view.tables.servers.get(target.serverId)?.value;
    if (record === undefined) return;
    void takesConnection(record.url, clock).then((isTaken) => {
      target.wasReached ||= isTaken;
      target.failureCount = isTaken ? 0 : target.failureCount + 1;
    });
  }

  /** At least one other server says the same, and none says otherwise. */
  async function othersAgree(serverId: string): Promise<boolean> {
    const others = [...view.tables.servers.values()]
      .map((row) => row.value)
      .filter(({ id }) => id !== serverId && id !== controlPlane.self.id);
    const answers = await Promise.all(
      others.map(({ url }) =>
        controlPlane.askPeer({ url, path: "/v1/peers/reach", timeoutMs: askOtherMsMax }),
      ),
    );
    const words = answers.flatMap((answer) => {
      const parsed = answer.ok ? serverReachSchema.safeParse(answer.value) : undefined;
      return parsed?.success === true ? [parsed.data.unreached.includes(serverId)] : [];
    });
    return words.length > 0 && words.every((isUnreached) => isUnreached);
  }

  return {
    answer: () => ({
      unreached: tried !== undefined && isUnreached(tried) ? [tried.serverId] : [],
    }),
    async untilUnreachable(serverId, signal) {
      const target: Tried = { serverId, wasReached: false, failureCount: 0 };
      tried = target;
      while (!signal.aborted) {
        probe(target);
        await pause(clock, probeEveryMs, signal);
        if (!target.wasReached || !isUnreached(target) || signal.aborted) continue;
        if ((await othersAgree(serverId)) && isUnreached(target)) return !signal.aborted;
      }
      return false;
    },
  };
}

function isUnreached({ failureCount }: Tried): boolean {
  return failureCount >= failuresMin;
}

/** Whether the kernel there takes a connection; what the server does with it does not matter. */
function takesConnection(url: string, clock: Clock): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url);
  const usualPort = protocol === "https:" ? 443 : 80;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? usualPort : Number(port),
  });
  const end = (isTaken: boolean): void => {
    cancel();
    socket.destroy();
    resolve(isTaken);
  };
  const cancel = clock.after(connectMsMax, () => {
    // Where this process itself stood still, the connection is there already: timers come before sockets.
    setImmediate(() => end(false));
  });
  socket.once("connect", () => end(true)).once("error", () => end(false));
  return promise;
}
