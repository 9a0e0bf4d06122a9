/** What a server needs of its machine, looked at before anything is made: free ports, and etcd where it runs a member. */
import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { missingForMember } from "../../adapters/etcd/programs.ts";
import { err, type Result } from "../../core/result.ts";
import { tryAddress } from "../../server/preflight.ts";
import { checkResolves } from "./names.ts";

/** Where the API and the store's member listen. */
interface ListenHosts {
  readonly api: string;
  readonly member: string;
}

/**
 * The API listens on all addresses. A member listens on the one where the others reach it; on all where that is a name,
 * or an address that the machine does not have itself (behind a translating router).
 */
export function listenHostsOf(host: string): ListenHosts {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const hasIpv6 = addresses.some(({ family }) => family === "IPv6");
  const api = isIPv4(host) || !hasIpv6 ? "0.0.0.0" : "::";
  return { api, member: addresses.some(({ address }) => address === host) ? host : api };
}

/** What a server is to be. */
export interface ServerPlan {
  readonly host: string;
  readonly port: number;
  /** Whether it runs a member of the store. */
  readonly member: "own" | "none";
}

/** The error is one line for the operator. */
export async function checkMachine(plan: ServerPlan): Promise<Result<void, string>> {
  const resolves = await checkResolves(plan.host);
  if (!resolves.ok) return resolves;
  const missing = plan.member === "own" ? await missingForMember() : undefined;
  if (missing !== undefined) return err(missing);
  const free = await checkPortsFree(plan);
  return free.ok ? free : err(`${free.error}; give another --port`);
}

/** Whether nobody listens where the server would. */
export async function checkPortsFree(plan: ServerPlan): Promise<Result<void, string>> {
  const api = await checkPort(listenHostsOf(plan.host).api, plan.port, "its API");
  if (!api.ok || plan.member === "none") return api;
  return await checkMemberPorts(plan);
}

/** Whether nobody listens where the server's member of the store would: also a member that still runs does. */
export async function checkMemberPorts({
  host,
  port,
}: Pick<ServerPlan, "host" | "port">): Promise<Result<void, string>> {
  const { member } = listenHostsOf(host);
  const clients = await checkPort(member, port + 1, "the store's clients");
  return clients.ok ? await checkPort(member, port + 2, "the store's members") : clients;
}

async function checkPort(host: string, port: number, use: string): Promise<Result<void, string>> {
  const free = await tryAddress(host, port);
  if (free.ok) return free;
  return err(`cannot listen on port ${port} (for ${use}): ${free.error}`);
}
