/** What the server of this machine runs with: what it was started with, its identity, and what was set of it alone. */
import { resolve } from "node:path";
import type { FlushableLog } from "../adapters/log/pino-log.ts";
import { writeDuration } from "../cli/format/quantity.ts";
import type { LogOptions, ServerRunOptions } from "../cli/roles.ts";
import { ok, type Result } from "../core/result.ts";
import { type GivenValue, type OwnConfig, openOwnConfig } from "../server/own-config/own-config.ts";
import { officeOf } from "../setup/office/office-file.ts";
import { listenHostsOf } from "../setup/place/machine.ts";
import { readIdentity, type ServerIdentity, serverPlaces } from "../setup/server-files.ts";
import type { OfficeSettings } from "../wire/control-plane/office.ts";

export interface ServerConfig {
  readonly own: OwnConfig;
  /** How the log is opened. */
  readonly log: LogOptions;
  /** From now on a changed level is the log's. */
  follow(log: Pick<FlushableLog, "setLevel">): void;
}

/** Looks everything up, before the log is opened. The error is one line for the operator. */
export async function openServerConfig(
  options: ServerRunOptions,
): Promise<Result<ServerConfig, string>> {
  const { dataDirectory, log, origins } = options;
  const identity = await readIdentity(serverPlaces(dataDirectory));
  if (!identity.ok) return identity;
  const fixed = await fixedOf(options, identity.value);
  if (!fixed.ok) return fixed;
  const opened = await openOwnConfig(dataDirectory, {
    logLevel: { value: log.level, source: origins.logLevel },
    logFormat: { value: log.format, source: origins.logFormat },
    fixed: fixed.value,
  });
  if (!opened.ok) return opened;
  const own = opened.value;
  const { logLevel: level, logFormat: format } = own.inForce;
  return ok({
    own,
    log: { level, format },
    follow: (opened) => own.onChange(({ logLevel }) => opened.setLevel(logLevel)),
  });
}

type Values = Readonly<Record<string, GivenValue>>;

async function fixedOf(
  options: ServerRunOptions,
  identity: ServerIdentity | undefined,
): Promise<Result<Values, string>> {
  const { dataDirectory, origins } = options;
  const place = {
    dataDirectory: { value: resolve(dataDirectory), source: origins.dataDirectory },
    listen: { value: listenOf(options, identity), source: origins.listen },
  };
  if (identity === undefined) return ok(place);
  const office = await officeOf(dataDirectory, options.office);
  if (!office.ok) return office;
  return ok({ ...identityOf(identity), ...place, ...officeValues(office.value, origins) });
}

function listenOf({ listen }: ServerRunOptions, identity: ServerIdentity | undefined): string {
  const usual =
    identity === undefined
      ? { host: "127.0.0.1", port: 7440 }
      : { host: listenHostsOf(identity.host).api, port: identity.port };
  const { host, port } = listen ?? usual;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function identityOf({ id, name, host, port }: ServerIdentity): Values {
  const values = Object.entries({ id, name, host, port: String(port) });
  return Object.fromEntries(values.map(([key, value]) => [key, { value, source: "identity" }]));
}

/** What goes with the office of manager: flags of this run, or what `server init` and `server join` have kept. */
function officeValues(office: OfficeSettings, origins: ServerRunOptions["origins"]): Values {
  const { leaderHook, followerHook, hookTimeLimitMs, address } = office;
  const given = (field: keyof typeof origins, value: string | undefined): GivenValue => {
    if (origins[field] !== "default") return { value: value ?? "none", source: origins[field] };
    return { value: value ?? "none", source: value === undefined ? "default" : "set" };
  };
  return {
    leaderHook: given("leaderHook", leaderHook),
    followerHook: given("followerHook", followerHook),
    hookTimeLimit: given(
      "hookTimeLimit",
      hookTimeLimitMs === undefined ? undefined : writeDuration(hookTimeLimitMs),
    ),
    vip: given("vip", address && `${address.address}/${address.prefixLength}`),
    vipInterface: given("vipInterface", address?.interface),
  };
}
