/** The flags of `service add` and `service set`: one for each field of a service, as one table. */
import { type Command, InvalidArgumentError, Option } from "commander";
import * as z from "zod";
import { isolationPolicies, requestedStates } from "../../core/model/service.ts";
import { ok, type Result } from "../../core/result.ts";
import { faultsOfIssue } from "../../wire/errors.ts";
import { driverTypes } from "../../wire/service-config.ts";
import {
  countOption,
  durationOption,
  numberOption,
  repeatedOption,
  sizeOption,
  switchOption,
} from "../command-context.ts";
import { type Failure, usage } from "../failure.ts";
import { writeDuration, writeSize } from "../format/quantity.ts";
import { type Draft, draftAt, isDraft, mergeDraft, putDraft } from "./draft.ts";

interface FieldFlag {
  readonly option: () => Option;
  /** Where its value goes; `driver` stands for the type of the service. */
  readonly path: readonly string[];
  /** A number as the person writes it; default: as it is. */
  readonly write?: (value: number) => string;
}

type Flag = Pick<FieldFlag, "option" | "write">;

const text = (flags: string, description: string): Flag => ({
  option: () => new Option(flags, description),
});
const count = (flags: string, description: string): Flag => ({
  option: () => countOption(flags, description),
});
const duration = (flags: string, description: string): Flag => ({
  option: () => durationOption(flags, description),
  write: writeDuration,
});
const size = (flags: string, description: string): Flag => ({
  option: () => sizeOption(flags, description),
  write: writeSize,
});

const onOff = (flags: string, description: string): Flag => ({
  option: () => switchOption(flags, description),
});
const number = (flags: string, description: string): Flag => ({
  option: () => numberOption(flags, description),
});
const repeated = (flags: string, description: string): Flag => ({
  option: () => repeatedOption(flags, `${description} (again for more)`),
});

const fieldFlags: readonly FieldFlag[] = [
  {
    option: () => new Option("--state <state>", "what is wanted of it").choices(requestedStates),
    path: ["state"],
  },
  { ...text("--node <node>", "where it is placed first, if online"), path: ["node"] },
  { ...text("--description <text>", "for people"), path: ["description"] },
  {
    ...count("--max-restart <count>", "failed starts that are retried on a node"),
    path: ["maxRestart"],
  },
  {
    ...count("--max-relocate <count>", "failed nodes after which another is tried"),
    path: ["maxRelocate"],
  },
  {
    option: () =>
      new Option("--on-isolation <policy>", "what its node does without a lease").choices(
        isolationPolicies,
      ),
    path: ["onIsolation"],
  },
  { ...text("--group <group>", "its placement group"), path: ["group"] },
  {
    ...onOff("--failback <on|off>", "it goes back by itself to a better node (default: on)"),
    path: ["failback"],
  },
  {
    ...onOff("--auto-rebalance <on|off>", "it may be moved to even out load (default: on)"),
    path: ["autoRebalance"],
  },
  { ...number("--cpu <cores>", "it uses so many at most"), path: ["limits", "cpuCores"] },
  {
    ...size("--memory <size>", "it uses so much at most, e.g. 512M"),
    path: ["limits", "memoryBytes"],
  },
  {
    ...onOff("--may-overcommit <on|off>", "it may run where memory does not suffice"),
    path: ["mayOvercommit"],
  },
  { ...repeated("--after <service>", "must run before it, if it is to run"), path: ["after"] },
  { ...repeated("--requires <service>", "it cannot do without it"), path: ["requires"] },
  {
    ...repeated("--toleration <taint>", "it may run on nodes with this taint"),
    path: ["tolerations"],
  },
  {
    ...repeated("--volume <name>", "on its node's own disks: it stays with it"),
    path: ["volumes"],
  },
  {
    ...number("--priority <number>", "higher is recovered first when much is lost"),
    path: ["priority"],
  },
  {
    ...text("--command <path>", "program; its arguments follow after --"),
    path: ["driver", "command"],
  },
  { ...text("--working-directory <path>", "absolute"), path: ["driver", "workingDirectory"] },
  { ...text("--user <name>", "system user that it runs as"), path: ["driver", "user"] },
  {
    ...text("--stop-signal <signal>", "asks it to end, e.g. SIGTERM"),
    path: ["driver", "stopSignal"],
  },
  {
    ...duration("--stop-timeout <duration>", "then it is killed"),
    path: ["driver", "stopTimeoutMs"],
  },
  {
    ...size("--log-size <size>", "of a log file before it is rotated, e.g. 10M"),
    path: ["driver", "log", "bytesMax"],
  },
  {
    ...count("--log-files <count>", "rotated log files that are kept"),
    path: ["driver", "log", "filesMax"],
  },
  {
    ...duration("--restart-delay <duration>", "before the first restart; doubles"),
    path: ["driver", "restart", "delayMs"],
  },
  {
    ...duration("--restart-delay-max <duration>", "the longest pause before a restart"),
    path: ["driver", "restart", "delayMsMax"],
  },
  {
    ...duration("--settle-time <duration>", "it must run so long to count as started"),
    path: ["driver", "restart", "settleMs"],
  },
  {
    ...duration("--restart-reset <duration>", "after it, earlier failures are forgotten"),
    path: ["driver", "restart", "resetAfterMs"],
  },
  {
    ...duration("--health-interval <duration>", "between two health checks"),
    path: ["driver", "health", "intervalMs"],
  },
  {
    ...duration("--health-timeout <duration>", "of one health check"),
    path: ["driver", "health", "timeoutMs"],
  },
  {
    ...count("--health-threshold <count>", "failed checks in a row that count"),
    path: ["driver", "health", "threshold"],
  },
  {
    ...duration("--health-start-period <duration>", "failed checks do not count before"),
    path: ["driver", "health", "startPeriodMs"],
  },
];

const listSchema = z.array(z.string()).optional();
const specialSchema = z.object({
  env: listSchema,
  unset: listSchema,
  healthHttp: z.string().optional(),
  healthTcp: z.string().optional(),
  healthExec: z.string().optional(),
});

/** Flags that take a field away, as `--unset NAME`. */
const unsetPaths: Readonly<Record<string, readonly string[]>> = {
  node: ["node"],
  group: ["group"],
  limits: ["limits"],
  after: ["after"],
  requires: ["requires"],
  tolerations: ["tolerations"],
  volumes: ["volumes"],
  description: ["description"],
  "working-directory": ["driver", "workingDirectory"],
  user: ["driver", "user"],
  health: ["driver", "health"],
  env: ["driver", "environment"],
};

/** Gives a command the flags of all fields. */
export function addServiceFlags(command: Command): void {
  for (const flag of fieldFlags) command.addOption(flag.option());
  command
    .addOption(repeatedOption("--env <name=value>", "environment variable (again for more)"))
    .addOption(new Option("--health-http <url>", "healthy while this URL answers with 2xx or 3xx"))
    .addOption(new Option("--health-tcp <host:port>", "healthy while this port takes connections"))
    .addOption(new Option("--health-exec <shell line>", "healthy while this line ends with 0"));
}

/** Gives a command the flag that takes optional fields away. */
export function addUnsetFlag(command: Command): void {
  const names = Object.keys(unsetPaths).join(", ");
  const option = new Option("--unset <field>", `take a field away (again for more): ${names}`);
  command.addOption(
    option.argParser((name: string, before: readonly string[] = []) => {
      if (unsetPaths[name] !== undefined) return [...before, name];
      throw new InvalidArgumentError(`"${name}" cannot be taken away; it takes: ${names}`);
    }),
  );
}

/** Whether flags or arguments say anything about a service's fields. */
export function saysAnything(options: unknown, processArguments: readonly string[]): boolean {
  const draft = applyServiceFlags({ id: "process:x" }, options, processArguments);
  return !draft.ok || Object.keys(draft.value).length > 1;
}

/**
 * The draft with what the flags say put into it. `processArguments`: what follows after `--`; none: left as they are.
 */
export function applyServiceFlags(
  draft: Draft,
  options: unknown,
  processArguments: readonly string[],
): Result<Draft, Failure> {
  const driver = driverOf(draft);
  const given: Draft = isDraft(options) ? options : {};
  const special = specialSchema.parse(options);
  let result = draft;
  for (const name of special.unset ?? []) {
    result = putDraft(result, resolve(unsetPaths[name] ?? [], driver), undefined);
  }
  const withHealth = applyHealth(result, special, driver);
  if (!withHealth.ok) return withHealth;
  result = withHealth.value;
  for (const { option, path } of fieldFlags) {
    const value = given[option().attributeName()];
    if (value !== undefined) result = putDraft(result, resolve(path, driver), value);
  }
  if (processArguments.length > 0) {
    result = putDraft(result, [driver, "arguments"], [...processArguments]);
  }
  const health = draftAt(result, [driver, "health"]);
  if (isDraft(health) && health["kind"] === undefined) {
    return usage(
      "the flags --health-... describe no check",
      "add one of --health-http, --health-tcp, --health-exec",
    );
  }
  return applyEnvironment(result, special.env ?? [], driver);
}

function driverOf(draft: Draft): string {
  return String(draft["id"]).split(":")[0] ?? "";
}

function resolve(path: readonly string[], driver: string): readonly string[] {
  return path.map((part) => (part === "driver" ? driver : part));
}

function applyEnvironment(
  draft: Draft,
  lines: readonly string[],
  driver: string,
): Result<Draft, Failure> {
  const environment: Record<string, string> = {};
  for (const line of lines) {
    const equals = line.indexOf("=");
    if (equals < 1) return usage(`--env: "${line}" has no name and "="`, "write --env NAME=VALUE");
    environment[line.slice(0, equals)] = line.slice(equals + 1);
  }
  if (lines.length === 0) return ok(draft);
  const before = draftAt(draft, [driver, "environment"]);
  const all = mergeDraft(isDraft(before) ? before : {}, environment);
  return ok(putDraft(draft, [driver, "environment"], all));
}

/** A new kind of check keeps the times of the one before. */
function applyHealth(
  draft: Draft,
  special: z.output<typeof specialSchema>,
  driver: string,
): Result<Draft, Failure> {
  const checks = healthChecks(special);
  if (!checks.ok) return checks;
  const [check, second] = checks.value;
  if (second !== undefined) {
    return usage(
      "more than one health check is given",
      "keep one of --health-http, --health-tcp, --health-exec",
    );
  }
  if (check === undefined) return ok(draft);
  const before = draftAt(draft, [driver, "health"]);
  const {
    kind,
    url,
    host,
    port,
    command,
    arguments: words,
    ...times
  } = isDraft(before) ? before : {};
  return ok(putDraft(draft, [driver, "health"], mergeDraft(times, check)));
}

function healthChecks(special: z.output<typeof specialSchema>): Result<Draft[], Failure> {
  const checks: Draft[] = [];
  if (special.healthHttp !== undefined) checks.push({ kind: "http", url: special.healthHttp });
  if (special.healthTcp !== undefined) {
    const match = /^\[?(.+?)\]?:(\d{1,5})$/.exec(special.healthTcp);
    if (match === null) {
      return usage(
        `--health-tcp: "${special.healthTcp}" is no host and port`,
        "write it like 127.0.0.1:8080",
      );
    }
    checks.push({ kind: "tcp", host: match[1], port: Number(match[2]) });
  }
  if (special.healthExec?.trim() === "") {
    return usage("--health-exec: the line is empty", "write what is to be run on the node");
  }
  if (special.healthExec !== undefined) {
    checks.push({ kind: "exec", command: "/bin/sh", arguments: ["-c", special.healthExec] });
  }
  return ok(checks);
}

const healthFlags: Readonly<Record<string, string>> = {
  url: "--health-http",
  host: "--health-tcp",
  port: "--health-tcp",
};

/** What a schema complains about, each as a sentence with the flag that it comes from. */
export function faultsOfFlags(issue: z.core.$ZodIssue): string[] {
  const [driver, field, ...more] = issue.path;
  const isPart = issue.path.length === 1 && driverTypes.includes(String(driver));
  if (isPart || (field === "command" && more.length === 0)) {
    return ["--command: give the program that it runs"];
  }
  return faultsOfIssue(issue).map(({ path, message }) => {
    const flag = flagOfPath(path);
    if (flag === "" || flag === "id") return message;
    return `${flag}: ${boundOf(issue, findFlag(path)?.write ?? String) ?? message}`;
  });
}

/** A number that is too large or too small, in the unit of its flag. */
function boundOf(issue: z.core.$ZodIssue, write: (value: number) => string): string | undefined {
  if (issue.code === "too_big" && isNumeric(issue.origin)) {
    return `it can be ${write(Number(issue.maximum))} at most`;
  }
  if (issue.code === "too_small" && isNumeric(issue.origin)) {
    return `it must be ${write(Number(issue.minimum))} at least`;
  }
  return undefined;
}

function isNumeric(origin: string): boolean {
  return ["number", "int"].includes(origin);
}

function findFlag(path: readonly PropertyKey[]): FieldFlag | undefined {
  const parts = path.map(String);
  const joined = parts.join(".");
  return fieldFlags.find((own) => resolve(own.path, parts[0] ?? "").join(".") === joined);
}

/** Fields that are lists; what is wrong with one of their items is told with the flag. */
const listFlags: Readonly<Record<string, string>> = {
  after: "--after",
  requires: "--requires",
  tolerations: "--toleration",
  volumes: "--volume",
};

/** Names the flag that a field comes from. */
function flagOfPath(path: readonly PropertyKey[]): string {
  const parts = path.map(String);
  const joined = parts.join(".");
  const flag = findFlag(path);
  if (flag !== undefined) return flag.option().long ?? joined;
  const list = listFlags[parts[0] ?? ""];
  if (list !== undefined) return list;
  if (parts[1] === "environment") return `--env ${parts[2] ?? ""}`.trim();
  if (parts[1] === "health") return healthFlags[parts[2] ?? ""] ?? "--health-exec";
  return joined;
}
