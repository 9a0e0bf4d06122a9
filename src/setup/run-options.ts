/** What a server is run with. */
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Facade } from "../server/http/facade.ts";
import type { SettingsInput } from "../wire/settings.ts";
import type { ServerIdentity } from "./server-files.ts";

export interface RunServerOptions {
  readonly dataDirectory: string;
  /** Who the server was initialised as. */
  readonly identity: ServerIdentity;
  /** Default: all addresses, at the server's port. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly initialSettings: SettingsInput | undefined;
  /** Interfaces of other systems that the server has besides its own; default: none. */
  readonly facades?: readonly Facade[] | undefined;
  readonly version: string;
  /** Of the certificates that it issues; default: a year. */
  readonly certificateLifeMs?: number | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Tells it to end. */
  readonly signal: AbortSignal;
}
