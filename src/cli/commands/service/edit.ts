/** `service add`, `service set` and `service remove`: what a service is. */
import { type Command, Option } from "commander";
import * as z from "zod";
import type { Client } from "../../../client/client.ts";
import { parseServiceId } from "../../../core/ids.ts";
import { ok, type Result } from "../../../core/result.ts";
import { type ServiceConfigInput, serviceConfigSchema } from "../../../wire/service-config.ts";
import { argumentAt, type CommandContext, countOption } from "../../command-context.ts";
import { type Failure, failOfApi, type Outcome, usage } from "../../failure.ts";
import { type Draft, isDraft } from "../../input/draft.ts";
import { readManifest } from "../../input/manifest.ts";
import {
  addServiceFlags,
  addUnsetFlag,
  applyServiceFlags,
  faultsOfFlags,
  saysAnything,
} from "../../input/service-flags.ts";
import type { Session } from "../../session.ts";
import type { Goal } from "../../wait.ts";
import { addWaitFlags, finishChange, follow, tellWarnings, waitFlagsOf } from "./change.ts";

/** Hangs the three commands below `service`. */
export function addServiceEditCommands(service: Command, context: CommandContext): void {
  const add = service
    .command("add")
    .description("add a service, from flags or from a file with one service")
    .argument("[id]", "<type>:<name>, e.g. process:api")
    .argument("[arguments...]", "of its program, after --")
    .addOption(
      new Option("-f, --file <file>", 'YAML with one "kind: Service"; - reads from a pipe'),
    );
  addServiceFlags(add);
  addWaitFlags(add);
  add.addHelpText("after", addExamples);
  context.handle(add, addService);

  const set = service
    .command("set")
    .description("change fields of a service; the others stay as they are")
    .argument("<id>")
    .argument("[arguments...]", "of its program, after --")
    .addOption(countOption("--if-revision <revision>", "only if it is still at this revision"));
  addServiceFlags(set);
  addUnsetFlag(set);
  addWaitFlags(set);
  context.handle(set, setService);

  const remove = service
    .command("remove")
    .description("stop a service and forget it")
    .argument("<id>")
    .addOption(countOption("--if-revision <revision>", "only if it is still at this revision"));
  addWaitFlags(remove);
  context.handle(remove, removeService);
}

const addExamples = `
Examples:
  holdfast service add process:api --command /usr/bin/node --health-http http://127.0.0.1:8080/ -- /srv/api.js
  holdfast service add -f api.yaml --wait`;

const fileSchema = z.object({ file: z.string().optional() });

async function addService(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const { file } = fileSchema.parse(options);
  const config =
    file === undefined
      ? configOfFlags(values, options)
      : await configOfFile(session, file, values, options);
  if (!config.ok) return config;
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.addService(config.value);
  if (!answer.ok && answer.error.code === "already-exists") {
    const { hint, ...error } = failOfApi(answer.error).error;
    return {
      ok: false,
      error: { ...error, hint: `change it with: holdfast service set ${config.value.id}` },
    };
  }
  if (!answer.ok) return failOfApi(answer.error);
  tellWarnings(session, answer.value.warnings);
  const change = {
    service: config.value.id,
    body: answer.body,
    sentence: `${config.value.id} is added`,
    next: follow(config.value.id),
    goal: goalOf(config.value, answer.value.revision),
  };
  return finishChange(session, client.value, change, waitFlagsOf(options));
}

/** Where a service ends that is wanted like this; nothing is waited for when it is `ignored`. */
export function goalOf(
  config: { readonly id: string; readonly state?: string | undefined },
  revision: number,
): Goal | undefined {
  const service = config.id;
  if (config.state === "ignored") return undefined;
  const runs = config.state === undefined || config.state === "started";
  return { service, revision, kind: runs ? "running" : "stopped" };
}

function configOfFlags(
  values: readonly string[],
  options: unknown,
): Result<ServiceConfigInput, Failure> {
  const [id, ...processArguments] = values;
  if (id === undefined) {
    return usage(
      "no service id is given",
      "write: holdfast service add process:NAME --command PROGRAM",
    );
  }
  const named = parseServiceId(id);
  if (!named.ok) return usage(named.error);
  const draft = applyServiceFlags({ id }, options, processArguments);
  return draft.ok ? checkDraft(draft.value) : draft;
}

async function configOfFile(
  session: Session,
  file: string,
  values: readonly string[],
  options: unknown,
): Promise<Result<ServiceConfigInput, Failure>> {
  const [id, ...processArguments] = values;
  if (saysAnything(options, processArguments)) {
    return usage("-f cannot be mixed with flags for fields", "write the fields into the file");
  }
  const manifest = await readManifest(file, session.io);
  if (!manifest.ok) return manifest;
  const { services, settings, groups, rules } = manifest.value;
  const [only, second] = services;
  const others = groups.length + rules.length + (settings === undefined ? 0 : 1);
  if (only === undefined || second !== undefined || others > 0) {
    return usage(`${file} does not hold exactly one service`, `use: holdfast apply -f ${file}`);
  }
  if (id !== undefined && id !== only.input.id) {
    return usage(`${file} describes ${only.input.id}, not ${id}`, "name the same service, or none");
  }
  return ok(only.input);
}

/** Checks a draft as the server will, and names the flag that is wrong. */
function checkDraft(draft: Draft): Result<ServiceConfigInput, Failure> {
  const parsed = serviceConfigSchema.safeParse(draft);
  if (parsed.success) return ok(parsed.data);
  return usage(parsed.error.issues.flatMap(faultsOfFlags).join("; "));
}

const revisionSchema = z.object({ ifRevision: z.number().optional() });
/** Somebody else changed it between our read and our write: how often to read it again. */
const attemptsMax = 3;

async function setService(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const id = argumentAt(values, 0);
  const { ifRevision } = revisionSchema.parse(options);
  const { unset } = z.object({ unset: z.array(z.string()).optional() }).parse(options);
  if (unset === undefined && !saysAnything(options, values.slice(1))) {
    return usage("nothing to set is given", "see the flags with: holdfast service set --help");
  }
  const client = await session.client();
  if (!client.ok) return client;
  for (let attempt = 1; ; attempt += 1) {
    const change = await changedConfig(client.value, id, values.slice(1), options);
    if (!change.ok) return change;
    const { config, revision, same } = change.value;
    if (same) {
      session.say(`${id} is already like this`);
      return { ok: true, value: 0 };
    }
    const answer = await client.value.putService(config, ifRevision ?? revision);
    if (answer.ok) {
      tellWarnings(session, answer.value.warnings);
      const made = {
        service: id,
        body: answer.body,
        sentence: `${id} is changed`,
        next: follow(id),
        goal: goalOf(config, answer.value.revision),
      };
      return finishChange(session, client.value, made, waitFlagsOf(options));
    }
    const again = answer.error.code === "changed-meanwhile" && ifRevision === undefined;
    if (!again || attempt === attemptsMax) return failOfApi(answer.error);
  }
}

interface ChangedConfig {
  readonly config: ServiceConfigInput;
  readonly revision: number;
  readonly same: boolean;
}

async function changedConfig(
  client: Client,
  id: string,
  processArguments: readonly string[],
  options: unknown,
): Promise<Result<ChangedConfig, Failure>> {
  const current = await client.service(id);
  if (!current.ok) return failOfApi(current.error);
  const before: Draft = isDraft(current.value.config) ? current.value.config : { id };
  const draft = applyServiceFlags(before, options, processArguments);
  if (!draft.ok) return draft;
  const config = checkDraft(draft.value);
  if (!config.ok) return config;
  const same = JSON.stringify(draft.value) === JSON.stringify(before);
  return ok({ config: config.value, revision: current.value.revision, same });
}

async function removeService(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const id = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removeService(id, revisionSchema.parse(options).ifRevision);
  if (!answer.ok) return failOfApi(answer.error);
  const change = {
    service: id,
    body: answer.body ?? { id, removing: true },
    sentence: `${id} is being removed`,
    next: "it is stopped first; see what is left with: holdfast service list",
    goal: { service: id, kind: "gone" } as const,
  };
  return finishChange(session, client.value, change, waitFlagsOf(options));
}
