/**
 * The agent's hold on its guard: the `Guard` port over the guard's socket. When the guard is lost it starts
 * another one and tells it everything before the old deadline, or says that this node has none.
 */
import { assert } from "../../core/assert.ts";
import type { Epoch } from "../../core/ids.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Guard } from "../../ports/guard.ts";
import type { Log } from "../../ports/log.ts";
import type { WorkloadInstance } from "../../ports/workload.ts";
import type { GuardConnection } from "./connection.ts";
import { type LaunchedGuard, launchGuard } from "./launch.ts";
import type { GuardCredentials, GuardRequest, GuardStatus, TrackedRoot } from "./protocol.ts";

export interface GuardClientOptions {
  readonly dataDirectory: string;
  readonly guardCommand: readonly string[];
  readonly credentials: GuardCredentials;
  readonly log: Log;
  /** The guard has killed everything up to this epoch. */
  readonly onFired: (epoch: number) => void;
  /** The guard was lost and there is no other in time: the agent has to kill everything itself, now. */
  readonly onUnguarded: (why: string) => void;
}

export interface GuardClient extends Guard {
  /** What the guard knew when this agent connected, and whether it had been there before. */
  readonly found: { readonly status: GuardStatus; readonly origin: LaunchedGuard["origin"] };
  /** The guard's last word goes to these servers, with this certificate, from now on. */
  useCredentials(credentials: GuardCredentials): Promise<void>;
  /** Lets go of the connection. After `detach` the guard waits for the next agent. */
  close(): void;
}

/** Connects to the guard of the data directory, or starts one. */
export async function openGuard(options: GuardClientOptions): Promise<Result<GuardClient, string>> {
  const link = createLink(options);
  const launched = await link.launch();
  return launched.ok ? ok(clientOf(link, launched.value)) : err(launched.error);
}

type Answered = "accepted" | "refused";

interface Link {
  launch(): Promise<Result<LaunchedGuard, string>>;
  /** Sends it to the guard that is there, after a lost one was replaced; refused if there is none. */
  send(request: GuardRequest): Promise<Answered>;
  readonly memory: GuardMemory;
  /** For a guard that replaces a lost one. */
  setCredentials(credentials: GuardCredentials): void;
  close(): void;
}

/** What a guard that replaces a lost one has to be told. */
interface GuardMemory {
  epoch: number;
  leaseId: string;
  runUntilMs: number | undefined;
  readonly tracked: Map<string, TrackedRoot>;
}

function createLink(options: GuardClientOptions): Link {
  const memory: GuardMemory = { epoch: 0, leaseId: "", runUntilMs: undefined, tracked: new Map() };
  let connection: GuardConnection | undefined;
  let replacing: Promise<void> | undefined;
  let closed = false;
  let { credentials } = options;

  async function launch(): Promise<Result<LaunchedGuard, string>> {
    let lost = false;
    const launched = await launchGuard({
      ...options,
      credentials,
      events: {
        onFired(epoch) {
          if (epoch === memory.epoch) memory.tracked.clear();
          options.onFired(epoch);
        },
        onLog: (sentence) => options.log.write("warn", `guard: ${sentence}`),
        onClose() {
          lost = true;
          if (connection === undefined || connection !== mine) return;
          connection = undefined;
          if (!closed) replacing ??= replace();
        },
      },
    });
    const mine = launched.ok ? launched.value.connection : undefined;
    connection = mine;
    return lost && launched.ok ? err("the guard ended at once") : launched;
  }

  async function replace(): Promise<void> {
    options.log.write("error", "the guard is lost; starting another one");
    const told = await launchAndTell();
    replacing = undefined;
    if (closed) return;
    if (told.ok) options.log.write("info", "another guard has taken over");
    else {
      memory.tracked.clear();
      options.onUnguarded(told.error);
    }
  }

  async function launchAndTell(): Promise<Result<void, string>> {
    const launched = await launch();
    if (!launched.ok) return launched;
    if (memory.epoch === 0) return ok(undefined);
    const { epoch, leaseId, runUntilMs } = memory;
    const requests: GuardRequest[] = [{ kind: "begin", epoch, leaseId }];
    if (runUntilMs !== undefined) requests.push({ kind: "feed", epoch, runUntilMs });
    for (const root of memory.tracked.values()) requests.push({ kind: "track", epoch, ...root });
    for (const request of requests) {
      const answer = await launched.value.connection.request(request);
      if (answer?.answer !== "accepted") return err(`the new guard refused to ${request.kind}`);
    }
    return ok(undefined);
  }

  return {
    memory,
    launch,
    setCredentials(fresh) {
      credentials = fresh;
    },
    async send(request) {
      if (replacing !== undefined) await replacing;
      if (closed) return "refused";
      if (connection === undefined) replacing ??= replace();
      if (replacing !== undefined) await replacing;
      const answer = await connection?.request(request);
      return answer?.answer === "accepted" ? "accepted" : "refused";
    },
    close() {
      closed = true;
      connection?.close();
    },
  };
}

function clientOf(link: Link, launched: LaunchedGuard): GuardClient {
  const { memory } = link;
  return {
    kind: "guard",
    found: { status: launched.status, origin: launched.origin },
    async begin(epoch: Epoch, leaseId: string) {
      const answer = await link.send({ kind: "begin", epoch, leaseId });
      if (answer === "accepted") {
        if (memory.epoch !== epoch) memory.runUntilMs = undefined;
        memory.epoch = epoch;
        memory.leaseId = leaseId;
      }
      return answer;
    },
    async feed(runUntilMs: number) {
      assert(memory.epoch > 0, "a guard is told the epoch before it is fed");
      const answer = await link.send({ kind: "feed", epoch: memory.epoch, runUntilMs });
      if (answer === "accepted") memory.runUntilMs = runUntilMs;
      return answer;
    },
    async track(instance: WorkloadInstance) {
      const root: TrackedRoot = { instanceId: instance.instanceId, ...instance.root };
      const answer = await link.send({ kind: "track", epoch: memory.epoch, ...root });
      if (answer === "accepted") memory.tracked.set(root.instanceId, root);
      return answer;
    },
    async untrack(instanceId: string) {
      memory.tracked.delete(instanceId);
      await link.send({ kind: "untrack", instanceId });
    },
    async detach() {
      await link.send({ kind: "detach" });
    },
    async disarm() {
      memory.runUntilMs = undefined;
      await link.send({ kind: "disarm" });
    },
    async useCredentials(credentials) {
      link.setCredentials(credentials);
      await link.send({ kind: "hello", ...credentials });
    },
    close: () => link.close(),
  };
}
