/**
 * The servers behind a load balancer, in the only form that a configuration is made from: checked, without doubles
 * and never empty. A balancer with an empty list cuts off everybody, so there is no way to write one.
 */
import { err, ok, type Result } from "../../core/result.ts";

/** Far more servers than a control plane has. */
export const backendsMax = 100;

/** A server as a list names it; only its address counts. */
export interface ListedServer {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly url: string;
}

/** One server behind the balancer. */
export interface Backend {
  /** `host:port`, an IPv6 address in brackets: what tells it from others. */
  readonly address: string;
  /** Letters, digits, dots and dashes; unique in its list. */
  readonly label: string;
  /** For people: printable, on one line. */
  readonly name: string;
  readonly scheme: "http" | "https";
  /** An address without brackets, or a host name. */
  readonly host: string;
  readonly port: number;
}

/** At least one. */
export type Backends = readonly [Backend, ...Backend[]];

/** Checks a list of servers; of two with one address the first counts. The error is one line for the operator. */
export function backendsOf(servers: readonly ListedServer[]): Result<Backends, string> {
  if (servers.length > backendsMax) return err(`there are more than ${backendsMax} servers`);
  const byAddress = new Map<string, Backend>();
  const labels = new Set<string>();
  for (const [index, server] of servers.entries()) {
    const backend = backendOf(server);
    if (!backend.ok) return backend;
    const { address } = backend.value;
    if (byAddress.has(address)) continue;
    const label = freeLabel(server.id ?? String(index + 1), labels);
    labels.add(label);
    byAddress.set(address, { ...backend.value, label, name: printable(server.name ?? label) });
  }
  const [first, ...rest] = byAddress.values();
  if (first === undefined) {
    return err("the list of servers is empty: a balancer without servers would cut off everybody");
  }
  return ok([first, ...rest]);
}

/** Host names and addresses only: what is written into a configuration file must not be able to add to it. */
const hostPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9a-f:.]+\])$/;
const idPattern = /^[A-Za-z0-9][A-Za-z0-9.-]{0,62}$/;

function backendOf({ url: text }: ListedServer): Result<Omit<Backend, "label" | "name">, string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const scheme = schemeOf(url?.protocol);
  if (url === undefined || scheme === undefined || !hostPattern.test(url.hostname)) {
    return err(`"${printable(text)}" is no server's address; write https://HOST:PORT`);
  }
  const port = url.port === "" ? defaultPorts[scheme] : Number(url.port);
  if (port === 0) return err(`"${printable(text)}" has port 0, where nothing can listen`);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return ok({ address: `${url.hostname}:${port}`, scheme, host, port });
}

function freeLabel(id: string, taken: ReadonlySet<string>): string {
  const wanted = `server-${idPattern.test(id) ? id : "x"}`;
  let label = wanted;
  for (let count = 2; taken.has(label); count += 1) label = `${wanted}-${count}`;
  return label;
}

const defaultPorts = { http: 80, https: 443 } as const;

function schemeOf(protocol: string | undefined): Backend["scheme"] | undefined {
  if (protocol === "https:") return "https";
  return protocol === "http:" ? "http" : undefined;
}

function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 100);
}
