/** What a server is run with. */
import type { LauncherState } from "../launcher/launched.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Facade } from "../server/http/facade.ts";
import type { OfficeParts } from "../server/office/duties.ts";
import type { OwnConfig } from "../server/own-config/own-config.ts";
import type { SchemaOptions } from "../server/schema/open-schema.ts";
import type { WaitingContext } from "../server/schema/until-schema.ts";
import type { SettingsInput } from "../wire/settings.ts";
import type { ServerIdentity } from "./server-files.ts";

export interface RunServerOptions extends Pick<SchemaOptions, "migrations" | "check"> {
  readonly dataDirectory: string;
  /** Who the server was initialised as. */
  readonly identity: ServerIdentity;
  /** Default: all addresses, at the server's port. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  readonly initialSettings: SettingsInput | undefined;
  /** Interfaces of other systems that the server has besides its own; default: none. */
  readonly facades?: readonly Facade[] | undefined;
  readonly version: string;
  /** What this server has of its own, for people to see and change. */
  readonly ownConfig?: OwnConfig | undefined;
  /** Whether a launcher looks after this process, so that another version can take its place; default: none does. */
  readonly launcher?: (() => LauncherState) | undefined;
  /** What goes with the office of manager on this machine; default: nothing. Whoever opened it closes it. */
  readonly office?: OfficeParts | undefined;
  /** Of the certificates that it issues; default: a year. */
  readonly certificateLifeMs?: number | undefined;
  /** Runs beside a server that waits for its store's schema; default: nothing. */
  readonly whileWaiting?: ((context: WaitingContext) => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Tells it to end. */
  readonly signal: AbortSignal;
}
