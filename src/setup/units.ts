/** systemd units of a server and of an agent: written where systemd keeps them, and enabled where it runs. */
import { execFile } from "node:child_process";
import { access, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";

export type UnitKind = "server" | "agent";

export interface UnitOptions {
  readonly kind: UnitKind;
  readonly dataDirectory: string;
  /** The executable `holdfast`. */
  readonly program: string;
  /** A server that holds a floating address needs rights for it, and one with hooks time to end. */
  readonly office?: UnitOffice | undefined;
  /** Default: `/etc/systemd/system`. */
  readonly folder?: string | undefined;
}

/** What a server's unit has to allow besides. */
export interface UnitOffice {
  readonly hasAddress: boolean;
  /** 0: it has no hooks. */
  readonly hookTimeLimitMs: number;
}

/** `started`: systemd runs it now. `written`: systemd does not run here; `command` starts it by hand. */
export type UnitOutcome =
  | { readonly kind: "started"; readonly unit: string }
  | { readonly kind: "written"; readonly unit: string; readonly command: string };

/** Commands that run them; what has a launcher can be upgraded by the cluster. */
export const startWords = { server: "server launch", agent: "agent launch" } as const;

/** There while systemd is the machine's first process. */
const systemdMark = "/run/systemd/system";

/** Writes the unit, and starts it where that can be done. */
export async function installUnit(options: UnitOptions): Promise<Result<UnitOutcome, string>> {
  const folder = options.folder ?? "/etc/systemd/system";
  const unit = `holdfast-${options.kind}.service`;
  const path = join(folder, unit);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(path, unitText(options), { mode: 0o644 });
  } catch (error: unknown) {
    return err(`cannot write ${path}: ${sentenceOfSystemError(error)}`);
  }
  const command = `${options.program} ${startWords[options.kind]} --data ${options.dataDirectory}`;
  if (options.folder !== undefined || !(await isThere(systemdMark))) {
    return ok({ kind: "written", unit: path, command });
  }
  try {
    await promisify(execFile)("systemctl", ["daemon-reload"]);
    await promisify(execFile)("systemctl", ["enable", "--now", unit]);
    return ok({ kind: "started", unit });
  } catch (error: unknown) {
    return err(`${unit} is written, but cannot be started: ${sentenceOfSystemError(error)}`);
  }
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

/**
 * However often it cannot start, it is tried again: a disk is full, a cluster frozen, a certificate half replaced, and
 * that passes. By systemd's default it would be given up for good after five times in ten seconds.
 */
const unlimitedStarts = "StartLimitIntervalSec=0";

/** The text of a unit. */
export function unitText({ kind, dataDirectory, program, office }: UnitOptions): string {
  const lines = kind === "server" ? serverLines(dataDirectory, office) : agentLines;
  return `[Unit]
Description=Holdfast ${kind}
Wants=network-online.target
After=network-online.target
${unlimitedStarts}

[Service]
ExecStart=${quoted(program)} ${startWords[kind]} --data ${quoted(dataDirectory)}
${lines.join("\n")}

[Install]
WantedBy=multi-user.target
`;
}

/**
 * A server touches nothing but its data directory, and needs no right of the superuser's. Its launcher alone is told to
 * end, and passes it on: a second signal would end the server at once.
 */
function serverLines(
  dataDirectory: string,
  office: UnitOffice = { hasAddress: false, hookTimeLimitMs: 0 },
): readonly string[] {
  const stopSeconds = stopSecondsMin + Math.ceil(office.hookTimeLimitMs / 1_000);
  const rights = office.hasAddress ? "CAP_NET_ADMIN CAP_NET_RAW" : "";
  return [
    "Restart=always",
    "RestartSec=500ms",
    "KillMode=mixed",
    `TimeoutStopSec=${stopSeconds}`,
    "LimitNOFILE=131072",
    `CapabilityBoundingSet=${rights}`,
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    `ReadWritePaths=${quoted(dataDirectory)}`,
    "ProtectHome=read-only", // the program, or the data, may be below a home
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectControlGroups=yes",
    "RestrictSUIDSGID=yes",
  ];
}

/** For a server to end in an orderly way; the hooks' time comes on top. */
const stopSecondsMin = 30;

/**
 * Guard and workloads outlive an agent that is started again; services that move away first need their time; and a
 * crashed agent has to be back before its guard stops waiting for it (400 ms).
 */
const agentLines: readonly string[] = [
  "Restart=on-failure",
  "RestartSec=200ms",
  "KillMode=process",
  "TimeoutStopSec=240",
  "LimitNOFILE=65536",
];

/** As systemd reads an argument; a percent sign would be its own. */
function quoted(text: string): string {
  const escaped = text.replaceAll("%", "%%");
  return /^[\w@%+=:,./-]+$/.test(text) ? escaped : `"${escaped.replaceAll(/["\\]/g, "\\$&")}"`;
}
