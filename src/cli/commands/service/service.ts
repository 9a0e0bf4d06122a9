/** `service ...`: the noun, with what shows services; the other files of this name change them. */
import type { Command } from "commander";
import * as z from "zod";
import { logLinesRange, type ServiceResource } from "../../../wire/api.ts";
import { argumentAt, type CommandContext, countOption } from "../../command-context.ts";
import { done, failOfApi, type Outcome } from "../../failure.ts";
import { formatInstant, formatSpan } from "../../format/quantity.ts";
import { oneLine } from "../../format/text-width.ts";
import type { Session } from "../../session.ts";
import { addServiceActCommands } from "./act.ts";
import { addServiceEditCommands } from "./edit.ts";

/** Hangs `service` and its verbs into the program. */
export function addServiceCommands(program: Command, context: CommandContext): void {
  const service = program.command("service").description("services that are kept running");
  const list = service
    .command("list")
    .description("all services")
    .option("--no-instances", "leave out the instances of deployments");
  context.handle(list, listServices);
  const show = service.command("show").description("one service in full").argument("<id>");
  context.handle(show, showService);
  addServiceEditCommands(service, context);
  addServiceActCommands(service, context);
  const logs = service
    .command("logs")
    .description("a service's output on its node")
    .argument("<id>")
    .addOption(
      countOption("--lines <count>", "how many of the latest lines (default: 100)", logLinesRange),
    )
    .option("--follow", "go on with new lines");
  context.handle(logs, showLogs);
}

const listSchema = z.object({ instances: z.boolean().default(true) });

async function listServices(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { instances } = listSchema.parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.services();
  if (!answer.ok) return failOfApi(answer.error);
  const { revision, items } = answer.value;
  const shown = items.filter(({ id }) => instances || !isInstance(id));
  const body = instances ? answer.body : { revision, items: shown };
  session.print(body, () => servicesTable(session, shown));
  return done;
}

/** Whether it belongs to a deployment, which looks after it. */
export function isInstance(service: string): boolean {
  return service.includes("@");
}

/** The services as a table, or what to do when there is none. */
export function servicesTable(session: Session, services: readonly ServiceResource[]): string {
  if (services.length === 0) {
    return "no services yet; add one with: holdfast service add process:NAME --command PROGRAM\n";
  }
  const { colours } = session;
  const rows = services.map((service) => [
    service.id,
    colours.serviceState(service.state),
    service.target === undefined ? (service.node ?? "-") : `${service.node} -> ${service.target}`,
    colours.health(service.state === "started" ? service.health : "none"),
    formatSpan(session.io.nowMs() - service.sinceMs),
    service.reason,
  ]);
  return session.table(["SERVICE", "STATE", "NODE", "HEALTH", "SINCE", "WHY"], rows);
}

async function showService(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.service(argumentAt(values, 0));
  if (!answer.ok) return failOfApi(answer.error);
  const service = answer.value;
  session.print(answer.body, () => describe(session, service));
  return done;
}

function describe(session: Session, service: ServiceResource): string {
  const since = `${formatInstant(service.sinceMs)} (${formatSpan(session.io.nowMs() - service.sinceMs)})`;
  const state = service.removing ? `${service.state}, being removed` : service.state;
  const lines: [string, string | undefined][] = [
    ["service", service.id],
    ["requested", service.requested],
    ["state", state],
    ["node", service.node],
    ["target", service.target],
    ["running", service.running],
    ["health", service.health],
    ["detail", service.detail === "" ? undefined : service.detail],
    ["since", since],
    ["why", service.reason],
    ["bound to", service.boundTo],
    ["failed on", service.failedNodes.length > 0 ? service.failedNodes.join(", ") : undefined],
    ["revision", String(service.revision)],
    ...fieldsOf(service.config, "config"),
  ];
  return lines
    .filter(([, value]) => value !== undefined)
    .map(
      ([name, value]) =>
        `${session.colours.paint("bold", name.padEnd(10))}  ${oneLine(value ?? "")}\n`,
    )
    .join("");
}

/** The configuration as `path: value` lines, one a field. */
function fieldsOf(value: unknown, title: string): [string, string][] {
  const fields = z.record(z.string(), z.unknown()).safeParse(value);
  if (!fields.success) return [];
  const lines = Object.entries(fields.data).flatMap(([name, field]) => linesOf(name, field));
  return lines.map((line, index) => [index === 0 ? title : "", line]);
}

function linesOf(path: string, value: unknown): string[] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return Object.entries(value).flatMap(([name, field]) => linesOf(`${path}.${name}`, field));
  }
  return path === "id" ? [] : [`${path}: ${JSON.stringify(value)}`];
}

const logsSchema = z.object({ lines: z.number().default(100), follow: z.boolean().default(false) });

async function showLogs(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const query = { ...logsSchema.parse(options), signal: session.io.signal };
  const stream = await client.value.logs(argumentAt(values, 0), query);
  if (!stream.ok) return failOfApi(stream.error);
  for await (const chunk of stream.value) {
    if (!chunk.ok) return session.io.signal.aborted ? done : failOfApi(chunk.error);
    session.io.stdout.write(chunk.value);
  }
  return done;
}
