/** Asks systemd whether the machine goes down, or only this unit: by the jobs that are queued at the moment. */
import { execFile } from "node:child_process";
import type { LeavingKind } from "../../core/model/node.ts";
import type { Host } from "../../ports/host.ts";
import type { Log } from "../../ports/log.ts";

export interface SystemdHostOptions {
  /** Where systemd has put `INVOCATION_ID` and `SYSTEMD_EXEC_PID`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  readonly parentPid: number;
  readonly log: Log;
  /** Default: `systemctl`, found in PATH. */
  readonly command?: string;
}

const askTimeoutMs = 3_000;

/** Targets whose start is the end of the machine's run. */
const targets: Readonly<Record<string, LeavingKind>> = {
  "reboot.target": "reboot",
  "kexec.target": "reboot",
  "soft-reboot.target": "reboot",
  "poweroff.target": "power-off",
  "halt.target": "power-off",
};

/** A host whose processes are systemd's. For a process that systemd did not start it cannot tell anything. */
export function createSystemdHost(options: SystemdHostOptions): Host {
  const { environment, log } = options;
  return {
    async whyEnding() {
      if (!isUnit(options)) return undefined;
      const jobs = await run(options.command ?? "systemctl", environment["PATH"]);
      if (jobs.kind === "failed") {
        log.write(
          "warn",
          `systemd does not say why: ${jobs.why}; taken for a restart of the agent`,
        );
        return "agent-restart";
      }
      return kindOfJobs(jobs.text);
    },
  };
}

/** Whether systemd itself started this process; its variables alone may be inherited from another unit. */
function isUnit({ environment, pid, parentPid }: SystemdHostOptions): boolean {
  const { INVOCATION_ID: invocation, SYSTEMD_EXEC_PID: started } = environment;
  if (invocation === undefined) return false;
  return started === undefined ? parentPid === 1 : started === String(pid); // older ones do not say it
}

/** Lines are `JOB UNIT TYPE STATE`. */
function kindOfJobs(text: string): LeavingKind {
  for (const line of text.split("\n")) {
    const [, unit = "", type] = line.trim().split(/\s+/);
    const kind = targets[unit];
    if (kind !== undefined && type === "start") return kind;
  }
  return "agent-restart";
}

type Answer =
  | { readonly kind: "said"; readonly text: string }
  | { readonly kind: "failed"; readonly why: string };

function run(command: string, path: string | undefined): Promise<Answer> {
  const words = ["list-jobs", "--no-legend", "--plain", "--no-pager"];
  const settings = { timeout: askTimeoutMs, killSignal: "SIGKILL", env: { PATH: path } } as const;
  return new Promise((resolve) => {
    execFile(command, words, settings, (error, text) => {
      resolve(error === null ? { kind: "said", text } : { kind: "failed", why: error.message });
    });
  });
}
