/** `definition ...`: versions of services that deployments run; one never changes. */
import type { Command } from "commander";
import { definitionSchema } from "../../../wire/fleet/definitions.ts";
import type { DefinitionResource } from "../../../wire/fleet/resources.ts";
import { argumentAt, type CommandContext } from "../../command-context.ts";
import { done, failOfApi, type Outcome } from "../../failure.ts";
import { formatInstant, formatSpan } from "../../format/quantity.ts";
import { readFleetFile } from "../../input/fleet-file.ts";
import type { Session } from "../../session.ts";
import { addFileFlags, fileFlagsOf } from "./fleet-flags.ts";
import { describeLines, fieldLines } from "./show/describe.ts";

const example = `
The file holds one definition, or several parted by ---:

  service: process:web
  version: 1.2.0
  constraint: cores >= 2            # what it asks of nodes
  inputs:
    - { name: PORT, type: number, default: 8080 }
  process:
    command: /usr/bin/node
    arguments: [/srv/web-1.2.0.js]
    health: { kind: http, url: "http://127.0.0.1:8080/" }

A version never changes: what is different is another version.`;

/** Hangs `definition` and its verbs into the program. */
export function addDefinitionCommands(program: Command, context: CommandContext): void {
  const definition = program
    .command("definition")
    .description("versions of services, for deployments to run");
  const add = definition
    .command("add")
    .description("add a version of a service, or several")
    .addHelpText("after", example);
  addFileFlags(add);
  context.handle(add, addDefinitions);
  const list = definition.command("list").description("all definitions");
  context.handle(list, listDefinitions);
  const show = definition
    .command("show")
    .description("one version of a service in full")
    .argument("<definition>", "the service, e.g. process:web")
    .argument("<version>");
  context.handle(show, showDefinition);
  const remove = definition
    .command("remove")
    .description("delete a version that no deployment names and no instance runs")
    .argument("<definition>", "the service, e.g. process:web")
    .argument("<version>");
  context.handle(remove, removeDefinition);
}

async function addDefinitions(
  session: Session,
  _values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { file, unknownProperties } = fileFlagsOf(options);
  const wanted = { kind: "Definition", schema: definitionSchema } as const;
  const definitions = await readFleetFile(file, session.io, wanted);
  if (!definitions.ok) return definitions;
  const client = await session.client();
  if (!client.ok) return client;
  for (const definition of definitions.value) {
    const answer = await client.value.addDefinition(definition, { unknownProperties });
    if (!answer.ok) return failOfApi(answer.error);
    const { service, version } = answer.value;
    const next = `deploy it with: holdfast deployment add -f FILE`;
    session.printNext(answer.body, () => `version ${version} of ${service} is there; ${next}\n`);
  }
  return done;
}

async function listDefinitions(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.definitions();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => {
    const { items } = answer.value;
    if (items.length === 0) {
      return "no definitions yet; add one with: holdfast definition add -f FILE\n";
    }
    return session.table(
      ["SERVICE", "VERSION", "DEPLOYMENTS", "AGE", "BY"],
      items.map((item) => [
        item.service,
        item.version,
        item.deployments.join(", ") || "-",
        formatSpan(session.io.nowMs() - item.addedAtMs),
        item.by,
      ]),
    );
  });
  return done;
}

async function showDefinition(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.definition(argumentAt(values, 0), argumentAt(values, 1));
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => describe(session, answer.value));
  return done;
}

function describe(session: Session, definition: DefinitionResource): string {
  const { service: _service, version: _version, ...config } = definition.config;
  return describeLines(session, [
    ["service", definition.service],
    ["version", definition.version],
    ["deployments", definition.deployments.join(", ") || "none"],
    ["added", `${formatInstant(definition.addedAtMs)} by ${definition.by}`],
    ...fieldLines("content", config),
  ]);
}

async function removeDefinition(session: Session, values: readonly string[]): Promise<Outcome> {
  const [service, version] = [argumentAt(values, 0), argumentAt(values, 1)];
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removeDefinition(service, version);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(
    answer.body ?? { service, version },
    () => `version ${version} of ${service} is removed\n`,
  );
  return done;
}
