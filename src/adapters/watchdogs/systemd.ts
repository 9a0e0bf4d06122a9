/**
 * systemd's watchdog of a unit (`WatchdogSec=`): systemd kills the unit unless it is notified in time. Node.js has
 * no unix datagrams, so the `systemd-notify` program says it; the unit needs `NotifyAccess=all`.
 */
import { execFile } from "node:child_process";
import { err, ok, type Result } from "../../core/result.ts";
import type { Log } from "../../ports/log.ts";
import type { Watchdog } from "../../ports/watchdog.ts";

export interface SystemdWatchdogOptions {
  /** Where systemd has put `NOTIFY_SOCKET` and `WATCHDOG_USEC`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
  /** CLOCK_MONOTONIC in milliseconds. */
  readonly now: () => number;
  /** Default: `systemd-notify`, found in PATH. */
  readonly command?: string;
}

const notifyTimeoutMs = 2_000;

/** The error says why there is no such watchdog; for a process that systemd did not start that is the rule. */
export function createSystemdWatchdog(options: SystemdWatchdogOptions): Result<Watchdog, string> {
  const timeoutMs = Number(options.environment["WATCHDOG_USEC"]) / 1_000;
  const socket = options.environment["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "" || !(timeoutMs > 0)) {
    return err("systemd watches no unit here: NOTIFY_SOCKET or WATCHDOG_USEC is not set");
  }
  let runUntilMs: number | undefined;
  let notifying = false;

  /** Without a deadline nothing that it protects runs: then the unit is simply kept alive. */
  function maybeNotify(): void {
    if (notifying) return;
    if (runUntilMs !== undefined && options.now() + timeoutMs >= runUntilMs) return;
    notifying = true;
    const environment = { PATH: options.environment["PATH"], NOTIFY_SOCKET: socket };
    const settings = { timeout: notifyTimeoutMs, env: environment };
    execFile(options.command ?? "systemd-notify", ["WATCHDOG=1"], settings, (error) => {
      notifying = false;
      if (error !== null) options.log.write("error", `cannot notify systemd: ${error.message}`);
    });
  }

  setInterval(maybeNotify, Math.max(timeoutMs / 3, 100)).unref();
  maybeNotify();
  return ok({
    kind: "systemd",
    async feed(untilMs) {
      runUntilMs = untilMs;
      return options.now() + timeoutMs < untilMs ? "accepted" : "refused";
    },
    async disarm() {
      runUntilMs = undefined;
    },
  });
}
