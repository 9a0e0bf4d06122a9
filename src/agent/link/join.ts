/** Registers the node with a server, which also says what this node's name is: the token's. */
import { X509Certificate } from "node:crypto";
import { arch, availableParallelism, hostname, totalmem } from "node:os";
import type { NodeId } from "../../core/ids.ts";
import type { Capacity } from "../../core/model/capacity.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { agentPaths, joinAnswerSchema } from "../../wire/agent-protocol.ts";
import { createPause } from "../pause.ts";
import type { ClientTls } from "./http.ts";
import type { Servers } from "./servers.ts";

export interface JoinOptions {
  readonly servers: Servers;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly properties: Readonly<Record<string, string | number | boolean>>;
  /** The HA group that the node is put into when it is registered first; undefined: none. */
  readonly haGroup?: string | undefined;
  /** What the node has for services; of what is missing the machine has all. */
  readonly capacity?: Partial<Capacity> | undefined;
  /** What the agent shows in the place of a token. */
  readonly certificate?: { readonly current: () => Pick<ClientTls, "certificatePem"> } | undefined;
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
  const facts = {
    agentVersion: version,
    properties: { ...properties, ...machineProperties() },
    capacity,
  };
  const body = options.haGroup === undefined ? facts : { ...facts, haGroup: options.haGroup };
  let said = "";
  while (!signal.aborted) {
    const answer = await servers.call(agentPaths.join, body, joinAnswerSchema, { timeoutMs });
    if (answer.kind === "ok") {
      tellOtherGroup(answer.value, options);
      return ok(answer.value.node);
    }
    if (answer.kind === "refused" && finalCodes.has(answer.code)) {
      return err(
        `the server refuses this agent: ${answer.detail}; ${hintOf(answer.code, servers)}`,
      );
    }
    if (answer.detail !== said) {
      log.write("warn", `cannot join yet: ${answer.detail}${endedWords(options)}`);
    }
    said = answer.detail;
    await pause.wait(retryMs);
  }
  return err("it was told to end before it could join");
}

/** A person may have moved the node since: that is what counts, and whoever wrote the flag should know. */
function tellOtherGroup(
  { node, haGroup }: { readonly node: NodeId; readonly haGroup?: string | undefined },
  { haGroup: wanted, log }: JoinOptions,
): void {
  if (wanted === undefined || wanted === haGroup) return;
  const now = haGroup === undefined ? "in no HA group" : `in HA group "${haGroup}"`;
  log.write(
    "warn",
    `node ${node} is ${now}: --ha-group is for a node that is new; move it with: holdfast hagroup member add ${wanted} --node ${node} --force`,
  );
}

function machineCapacity(): Capacity {
  return { cpuCores: availableParallelism(), memoryBytes: totalmem() };
}

/** What every machine says of itself: built-in properties, whatever its operator says. */
function machineProperties(): JoinOptions["properties"] {
  const { cpuCores: cores, memoryBytes } = machineCapacity();
  return { architecture: architectureName(), cores, memoryBytes, hostname: hostname() };
}

/** As packages and container images call it. */
function architectureName(): string {
  return arch() === "x64" ? "amd64" : arch();
}

/** Servers do not end an agent for the dates of its certificate, which may be their clock's fault: it tries for ever. */
function endedWords({ certificate, servers, clock }: JoinOptions): string {
  if (certificate === undefined || servers.token !== undefined) return "";
  const { validTo } = new X509Certificate(certificate.current().certificatePem);
  if (clock.wallMs() < Date.parse(validTo)) return "";
  return `; by this machine's clock, too, its certificate is over since ${validTo}: join it anew, ${hintOf("", servers)}`;
}

/** What the agent's operator can do about a refusal of its certificate or token. */
function hintOf(code: string, { token }: Servers): string {
  if (token === undefined) return "the command for that is printed by: holdfast join-script --node";
  if (code === "not-allowed") return "use a token made with: holdfast token create --node NAME";
  return "make a new one with: holdfast token create --node NAME --out FILE";
}
