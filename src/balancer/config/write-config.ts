/** From a list of servers to a configuration file: the one way in, which refuses what no file must be made from. */
import { err, ok, type Result } from "../../core/result.ts";
import { type Backend, type Backends, backendsOf, type ListedServer } from "./backends.ts";
import type { BalancerSettings } from "./balancer-settings.ts";
import { haproxyConfig } from "./haproxy.ts";
import {
  keepalivedConfig,
  parseFloatingAddress,
  parseInterfaceName,
  priorityOf,
} from "./keepalived.ts";
import { nginxConfig } from "./nginx.ts";

/** Programs that a configuration can be written for. */
export const configKinds = ["haproxy", "nginx", "keepalived"] as const;

/** What a floating address follows: a machine's server, or its balancer. */
export const followKinds = ["server", "balancer"] as const;

/** Which file is wanted. */
export type WantedConfig =
  | { readonly kind: "haproxy" | "nginx" }
  | ({ readonly kind: "keepalived" } & WantedFloating);

export interface WantedFloating {
  readonly address: string;
  readonly interfaceName: string;
  readonly follows: (typeof followKinds)[number];
  /** Id or name of the server whose machine the file is for. */
  readonly on: string | undefined;
  readonly priority: number | undefined;
  readonly routerId: number | undefined;
}

/** The text of the file, or in one line why there is none. */
export function writeConfig(
  servers: readonly ListedServer[],
  wanted: WantedConfig,
  settings: BalancerSettings,
): Result<string, string> {
  const backends = backendsOf(servers);
  if (!backends.ok) return backends;
  const { authorityFile, listen } = settings;
  if (!/^[A-Za-z0-9.:_-]+$/.test(listen.host))
    return err(`"${listen.host}" is no address to listen on`);
  if (authorityFile !== undefined && !/^\/[\w./@+-]+$/.test(authorityFile)) {
    return err(`"${authorityFile}" is no absolute path of plain characters`);
  }
  switch (wanted.kind) {
    case "haproxy":
      return ok(haproxyConfig(backends.value, settings));
    case "nginx":
      return ok(nginxConfig(backends.value, settings));
    case "keepalived":
      return writeFloating(backends.value, wanted, settings);
    default:
      return wanted satisfies never;
  }
}

function writeFloating(
  backends: Backends,
  wanted: WantedFloating,
  settings: BalancerSettings,
): Result<string, string> {
  const address = parseFloatingAddress(wanted.address);
  if (!address.ok) return address;
  const interfaceName = parseInterfaceName(wanted.interfaceName);
  if (!interfaceName.ok) return interfaceName;
  const common = {
    address: address.value,
    interfaceName: interfaceName.value,
    routerId: wanted.routerId,
  };
  if (wanted.follows === "balancer") {
    const follows = { kind: "balancer" } as const;
    const priority = wanted.priority ?? 100;
    return ok(keepalivedConfig({ ...common, follows, priority }, settings));
  }
  const backend = backendOn(backends, wanted.on);
  if (!backend.ok) return backend;
  const follows = { kind: "server", backend: backend.value } as const;
  const priority = wanted.priority ?? priorityOf(backends, backend.value);
  return ok(keepalivedConfig({ ...common, follows, priority }, settings));
}

function backendOn(backends: Backends, on: string | undefined): Result<Backend, string> {
  const known = backends.map(({ name }) => name).join(", ");
  if (on === undefined) {
    return err(`each machine has a file of its own: say which server's with --on (${known})`);
  }
  const found = backends.find(({ name, label }) => name === on || label === `server-${on}`);
  return found === undefined ? err(`there is no server "${on}" (${known})`) : ok(found);
}
