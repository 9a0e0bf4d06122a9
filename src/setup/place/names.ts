/** Names of servers, and names and addresses where they are reached: checked before they become part of certificates. */
import { lookup } from "node:dns/promises";
import { isIP, isIPv6 } from "node:net";
import { err, ok, type Result } from "../../core/result.ts";

const labelPattern = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const hostLengthMax = 253;

/** A name that machines and people can live with. */
export function checkServerName(name: string): Result<string, string> {
  if (labelPattern.test(name)) return ok(name);
  return err(
    `"${name}" is no server's name: use letters, digits and "-" between them, 63 characters at most`,
  );
}

/**
 * A name or an address where other machines can reach this one, in the form in which certificates hold it: IPv6 without
 * brackets and in its shortest form.
 */
export function checkHost(text: string): Result<string, string> {
  const host = text.replace(/^\[(.*)\]$/, "$1");
  if (host.includes("%")) {
    return err(`"${text}" counts on this machine only: give an address without a zone`);
  }
  if (host === "0.0.0.0" || canonicalHost(host) === "::") {
    return err(`"${text}" stands for all addresses: give the one where others reach this machine`);
  }
  if (isIP(host) !== 0) return ok(canonicalHost(host));
  const labels = host.split(".");
  const isName = host.length <= hostLengthMax && labels.every((label) => labelPattern.test(label));
  // "1.2.3" and "10.0.0.256" are meant as addresses, and programs differ in what they make of them.
  if (isName && !/^\d+$/.test(labels.at(-1) ?? "")) return ok(host);
  return err(`"${text}" is neither a host's name nor an IP address`);
}

/** The one way to write an address; names as they are. */
export function canonicalHost(host: string): string {
  return isIPv6(host) ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host;
}

/** Whether this machine knows the name; others may know it otherwise. */
export async function checkResolves(host: string): Promise<Result<void, string>> {
  if (isIP(host) !== 0) return ok(undefined);
  try {
    await lookup(host);
    return ok(undefined);
  } catch {
    return err(
      `this machine cannot find the address of "${host}": write it into /etc/hosts, or give --host an address`,
    );
  }
}
