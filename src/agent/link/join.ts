/** Registers the node with a server, which also says what this node's name is: the token's. */
import { availableParallelism, totalmem } from "node:os";
import type { NodeId } from "../../core/ids.ts";
import type { Capacity } from "../../core/model/capacity.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { agentPaths, joinAnswerSchema } from "../../wire/agent-protocol.ts";
import { createPause } from "../pause.ts";
import type { Servers } from "./servers.ts";

export interface JoinOptions {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly properties: Readonly<Record<string, string | number | boolean>>;
  /** What the node has for services; of what is missing the machine has all. */
  readonly capacity?: Partial<Capacity> | undefined;
  /** Gives up. */
  readonly signal: AbortSignal;
}

const timeoutMs = 3_000;
const retryMs = 500;

/**
 * What no other attempt can change. Any other refusal is about this moment, and must not end an agent, which would
 * end what it runs.
 */
const finalCodes: ReadonlySet<string> = new Set([
  "no-token",
  "bad-token",
  "token-expired",
  "not-allowed",
]);

/** Tries until a server has answered. The error is a server's refusal: the token is wrong, or has expired. */
export async function join(options: JoinOptions): Promise<Result<NodeId, string>> {
  const { servers, log, version, properties, signal } = options;
  const pause = createPause(options.clock);
  signal.addEventListener("abort", () => pause.end(), { once: true });
  const capacity = { ...machineCapacity(), ...options.capacity };
  const body = { agentVersion: version, properties, capacity };
  let said = "";
  while (!signal.aborted) {
    const answer = await servers.call(agentPaths.join, body, joinAnswerSchema, { timeoutMs });
    if (answer.kind === "ok") return ok(answer.value.node);
    if (answer.kind === "refused" && finalCodes.has(answer.code)) {
      return err(`the server refuses this agent: ${answer.detail}; ${hintOf(answer.code)}`);
    }
    if (answer.detail !== said) log.write("warn", `cannot join yet: ${answer.detail}`);
    said = answer.detail;
    await pause.wait(retryMs);
  }
  return err("it was told to end before it could join");
}

function machineCapacity(): Capacity {
  return { cpuCores: availableParallelism(), memoryBytes: totalmem() };
}

/** What the agent's operator can do about a refusal of its token. */
function hintOf(code: string): string {
  if (code === "not-allowed") return "use a token made with: holdfast token create --node NAME";
  return "make a new one with: holdfast token create --node NAME --out FILE";
}
