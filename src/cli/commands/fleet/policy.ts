/** `policy ...`: which agent version which nodes are to run, from when on, and how far that is. */
import { type Command, Option } from "commander";
import * as z from "zod";
import type { Client } from "../../../client/client.ts";
import { err, ok, type Result } from "../../../core/result.ts";
import {
  type PolicyConfig,
  type PolicyNode,
  type PolicyResource,
  type PolicyStatus,
  policySchema,
} from "../../../wire/fleet/policies.ts";
import {
  argumentAt,
  type CommandContext,
  countOption,
  durationOption,
} from "../../command-context.ts";
import { done, type Failure, fail, failOfApi, type Outcome, usage } from "../../failure.ts";
import { formatInstant, writeDuration } from "../../format/quantity.ts";
import { readFleetFile } from "../../input/fleet-file.ts";
import { createProgress } from "../../progress.ts";
import type { Session } from "../../session.ts";
import { checkFields } from "../placement/flags.ts";
import { tellWarnings } from "../service/change.ts";
import { addUnknownPropertiesFlag, unknownPropertiesOf } from "./fleet-flags.ts";
import { describeLines, fieldLines } from "./show/describe.ts";
import { statusCommand } from "./show/status.ts";

const lookEveryMs = 1_000;

const addHelp = `
Without -f the flags say it; with -f a file holds one policy:

  name: newest
  agentVersion: latest              # or a version, e.g. 0.2.0
  constraint: zone == berlin        # over the nodes' properties; without it: every node
  start: 2027-01-31T22:00:00Z       # default: at once
  windowMs: 4h                      # nothing is begun so long after the start
  spreadMs: 1h                      # each node begins at a moment of its own within so long
  healthyWithinMs: 2m               # a new agent that takes longer is rolled back

Packages are made with npm pack, and pushed with: holdfast bundle push holdfast-0.2.0.tgz
Of an HA group one node at a time is upgraded. Changing a policy is adding it again with another content.`;

/** Hangs `policy` and its verbs into the program. */
export function addPolicyCommands(program: Command, context: CommandContext): void {
  const policy = program
    .command("policy")
    .description("which agent version which nodes are to run");
  addAddCommand(policy, context);
  context.handle(policy.command("list").description("all management policies"), listPolicies);
  const show = policy.command("show").description("one policy in full").argument("<policy>");
  context.handle(show, showPolicy);
  const status = policy
    .command("status")
    .description("how far each node is that the policy chooses")
    .argument("<policy>")
    .option("--watch", "follow it until every node has succeeded or failed");
  context.handle(status, showStatus);
  const remove = policy
    .command("remove")
    .description("remove a policy; an upgrade under way still ends")
    .argument("<policy>");
  context.handle(remove, removePolicy);
}

function addAddCommand(policy: Command, context: CommandContext): void {
  const add = policy
    .command("add")
    .description("add a policy, or change it")
    .argument("[policy]")
    .addOption(new Option("-f, --file <file>", "YAML; - reads from a pipe"))
    .option("--agent-version <version>", "a version, or latest")
    .option("--constraint <expression>", "which nodes (default: every node)")
    .option("--start <instant>", "e.g. 2027-01-31T22:00:00Z (default: at once)")
    .addOption(durationOption("--window <duration>", "begin nothing so long after the start"))
    .addOption(durationOption("--spread <duration>", "spread the nodes over so long"))
    .addOption(
      durationOption("--healthy-within <duration>", "then it is rolled back (default: 2m)"),
    )
    .addOption(countOption("--nodes-at-once <n>", "of nodes in no HA group (default: 10)"))
    .option("--allow-downgrade", "also where the version is lower than the node's")
    .option("--disabled", "only write it down")
    .addHelpText("after", addHelp);
  addUnknownPropertiesFlag(add);
  context.handle(add, addPolicy);
}

const addSchema = z.object({
  file: z.string().optional(),
  agentVersion: z.string().optional(),
  constraint: z.string().optional(),
  start: z.string().optional(),
  window: z.number().optional(),
  spread: z.number().optional(),
  healthyWithin: z.number().optional(),
  nodesAtOnce: z.number().optional(),
  allowDowngrade: z.boolean().optional(),
  disabled: z.boolean().optional(),
});

async function addPolicy(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const policy = await wantedPolicy(session, values[0], options);
  if (!policy.ok) return policy;
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.putPolicy(policy.value, unknownPropertiesOf(options));
  if (!answer.ok) return failOfApi(answer.error);
  tellWarnings(session, answer.value.warnings);
  const { name, generation } = answer.value;
  session.print(
    answer.body,
    () =>
      `policy ${name} is at generation ${generation}; follow it with: holdfast policy status ${name} --watch\n`,
  );
  return done;
}

async function wantedPolicy(
  session: Session,
  name: string | undefined,
  options: unknown,
): Promise<Result<PolicyConfig, Failure>> {
  const { file, disabled, ...flags } = addSchema.parse(options);
  if (file !== undefined) {
    const isMore = name !== undefined || disabled !== undefined || Object.keys(flags).length > 0;
    if (isMore) return usage("a policy is said by its file or by flags, not by both", "drop one");
    const wanted = { kind: "Policy", schema: policySchema } as const;
    const read = await readFleetFile(file, session.io, wanted);
    if (!read.ok) return read;
    const [policy, ...more] = read.value;
    if (more.length === 0) return ok(policy);
    return usage(`${file} holds ${more.length + 1} policies`, "add one at a time");
  }
  if (name === undefined) return usage("name the policy, or its file with -f");
  const { window, spread, healthyWithin, ...others } = flags;
  return checkFields(policySchema, {
    ...others,
    name,
    ...(window === undefined ? {} : { windowMs: window }),
    ...(spread === undefined ? {} : { spreadMs: spread }),
    ...(healthyWithin === undefined ? {} : { healthyWithinMs: healthyWithin }),
    ...(disabled === true ? { enabled: false } : {}),
  });
}

async function listPolicies(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.policies();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => {
    const { items } = answer.value;
    if (items.length === 0) return "no policies yet; add one with: holdfast policy add NAME\n";
    return session.table(
      ["POLICY", "AGENT", "NODES", "START", "WINDOW", "STATES"],
      items.map((item) => [
        item.name,
        item.config.agentVersion,
        item.config.constraint ?? "all",
        item.config.enabled ? formatInstant(item.startAtMs) : "not enabled",
        item.config.windowMs === undefined ? "no end" : writeDuration(item.config.windowMs),
        countsText(item.nodes),
      ]),
    );
  });
  return done;
}

function countsText(counts: PolicyResource["nodes"]): string {
  const words = Object.entries(counts).map(([state, count]) => `${count} ${state}`);
  return words.length === 0 ? "-" : words.join(", ");
}

async function showPolicy(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.policy(argumentAt(values, 0));
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => describe(session, answer.value));
  return done;
}

function describe(session: Session, policy: PolicyResource): string {
  const { name: _name, agentVersion, constraint, ...config } = policy.config;
  return describeLines(session, [
    ["policy", policy.name],
    ["agent", agentVersion],
    ["nodes", constraint ?? "all"],
    ["start", formatInstant(policy.startAtMs)],
    ["states", countsText(policy.nodes)],
    ["generation", `${policy.generation}, last changed by ${policy.by}`],
    ["revision", String(policy.revision)],
    ...fieldLines("content", config),
  ]);
}

const showStatus = statusCommand<PolicyStatus>({
  follow: followPolicy,
  read: (client, name) => client.policyStatus(name),
  text: statusTable,
});

function statusTable(session: Session, { items }: PolicyStatus): string {
  if (items.length === 0) return "the policy chooses no node\n";
  return session.table(
    ["NODE", "STATE", "FROM", "TO", "SINCE", "DETAIL"],
    items.map(({ node, state, from, to, sinceMs, detail }) => [
      node,
      state,
      from,
      to ?? "-",
      sinceMs === undefined ? "-" : formatInstant(sinceMs),
      detail,
    ]),
  );
}

const finalStates: readonly PolicyNode["state"][] = ["success", "failed", "rolled-back"];

/** Exit code 0: every node has succeeded; 1: one has failed, or the person has had enough. */
async function followPolicy(session: Session, client: Client, name: string): Promise<Outcome> {
  const { signal } = session.io;
  const progress = createProgress(session.io);
  try {
    while (!signal.aborted) {
      const answer = await client.policyStatus(name);
      if (!answer.ok && answer.error.code === "not-found") return failOfApi(answer.error);
      if (answer.ok) {
        const { items } = answer.value;
        progress.show(name, progressText(name, items));
        if (items.every(({ state }) => finalStates.includes(state))) return endOf(items);
      }
      await pause(lookEveryMs, signal);
    }
    return err({ exitCode: 130, what: "interrupted", hint: undefined });
  } finally {
    progress.end();
  }
}

function progressText(name: string, items: readonly PolicyNode[]): string {
  const counts: Partial<Record<PolicyNode["state"], number>> = {};
  for (const { state } of items) counts[state] = (counts[state] ?? 0) + 1;
  return `policy ${name}: ${countsText(counts)}`;
}

function endOf(items: readonly PolicyNode[]): Outcome {
  const failed = items.filter(({ state }) => state !== "success");
  if (failed.length === 0) return done;
  const names = failed.map(({ node }) => node).join(", ");
  return fail(1, `the agent was not upgraded on ${names}`, "the table says why");
}

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, delayMs);
    signal.addEventListener("abort", finish, { once: true });
    if (signal.aborted) finish();
  });
}

async function removePolicy(session: Session, values: readonly string[]): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removePolicy(name);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body ?? { name }, () => `policy ${name} is removed\n`);
  return done;
}
