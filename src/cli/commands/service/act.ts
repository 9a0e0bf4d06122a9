/** `service start|stop|disable|migrate|relocate|locate`: what a service does, and where. */
import type { Command } from "commander";
import * as z from "zod";
import type { ApiError, ApiResult } from "../../../client/api-error.ts";
import type { Client } from "../../../client/client.ts";
import type { ServiceResource } from "../../../wire/api.ts";
import { argumentAt, type CommandContext, durationOption } from "../../command-context.ts";
import { done, type Failure, fail, failOfApi, type Outcome } from "../../failure.ts";
import type { Session } from "../../session.ts";
import { type Goal, inError } from "../../wait.ts";
import { addWaitFlags, finishChange, follow, waitFlagsOf } from "./change.ts";

/** One action on one service, made once its current state is known. */
interface Action {
  /** What it does, e.g. `is being stopped`. */
  readonly words: string;
  /** The words for a service that is there already; undefined: there is something to do. */
  already(service: ServiceResource): string | undefined;
  /** Why it cannot be done now. */
  refusal(service: ServiceResource): Failure | undefined;
  send(client: Client, id: string): Promise<ApiResult<unknown>>;
  /** `before`: the service as it was when the action was asked for. */
  goal(id: string, before: ServiceResource): Goal;
}

/** Hangs the six commands below `service`. */
export function addServiceActCommands(service: Command, context: CommandContext): void {
  const start = service.command("start").description("have a service run").argument("<id>");
  addWaitFlags(start);
  context.handle(start, (session, values, options) => act(session, values, options, startAction));

  const stop = service
    .command("stop")
    .description("have a service stopped")
    .argument("<id>")
    .addOption(durationOption("--timeout <duration>", "it may take so long before it is killed"));
  addWaitFlags(stop, "--wait-timeout");
  context.handle(stop, (session, values, options) => {
    const { timeout } = z.object({ timeout: z.number().optional() }).parse(options);
    return act(session, values, options, stopAction(timeout));
  });

  const disable = service
    .command("disable")
    .description("stop a service for good; also the way out of the state error")
    .argument("<id>");
  addWaitFlags(disable);
  context.handle(disable, (session, values, options) =>
    act(session, values, options, disableAction),
  );

  for (const kind of ["migrate", "relocate"] as const) {
    const move = service.command(kind).description(moveWords[kind]);
    move.argument("<id>").argument("<node>", "where to");
    addWaitFlags(move);
    context.handle(move, (session, values, options) =>
      act(session, values, options, moveAction(kind, argumentAt(values, 1))),
    );
  }

  const locate = service
    .command("locate")
    .description("say where a service is that was moved by hand, while nobody managed it")
    .argument("<id>")
    .requiredOption("--node <node>", "where it is now");
  context.handle(locate, locateService);
}

const locateSchema = z.object({ node: z.string() });

async function locateService(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const id = argumentAt(values, 0);
  const { node } = locateSchema.parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.command(id, { command: "located", target: node });
  if (!answer.ok) return failOfOrder(answer.error, id);
  session.print(answer.body, () => `${id} is taken to be on ${node}; ${follow(id)}\n`);
  return done;
}

const moveWords = {
  migrate: "move a service to a node, live where its type can, else by stop and start",
  relocate: "move a service to a node by stop and start",
} as const;

async function act(
  session: Session,
  values: readonly string[],
  options: unknown,
  action: Action,
): Promise<Outcome> {
  const id = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const current = await client.value.service(id);
  if (!current.ok) return failOfApi(current.error);
  const refusal = action.refusal(current.value);
  if (refusal !== undefined) return { ok: false, error: refusal };
  const already = action.already(current.value);
  if (already !== undefined) {
    session.print(current.body, () => `${id} is already ${already}\n`);
    return done;
  }
  const flags = waitFlagsOf(options);
  const eventsAfter = flags.wait ? await newestEvent(client.value) : undefined;
  const answer = await action.send(client.value, id);
  if (!answer.ok) return failOfOrder(answer.error, id);
  const sentence = `${id} ${action.words}`;
  const body = answer.body ?? current.body;
  if (await waitsForArming(client.value, current.value)) {
    return finishDisarmed(session, { sentence, body, wait: flags.wait });
  }
  const goal = { ...action.goal(id, current.value), eventsAfter };
  const change = { service: id, body, sentence, next: follow(id), goal };
  return finishChange(session, client.value, change, flags);
}

/** The revision of the newest event; undefined: there is none, or it cannot be had. */
async function newestEvent(client: Client): Promise<number | undefined> {
  const page = await client.events({ limit: 1 });
  return page.ok ? page.value.items[0]?.revision : undefined;
}

/** Whether a wish is carried out only when the cluster acts again. */
async function waitsForArming(client: Client, service: ServiceResource): Promise<boolean> {
  if (service.suspended !== true && service.state !== "freeze") return false;
  const arming = await client.arming();
  return arming.ok && arming.value.state !== "armed";
}

/** What was asked of a disarmed cluster stands, and there is nothing to wait for. */
function finishDisarmed(
  session: Session,
  change: { readonly sentence: string; readonly body: unknown; readonly wait: boolean },
): Outcome {
  const { sentence, body, wait } = change;
  const what = `${sentence} as soon as the cluster, which is disarmed, is armed again`;
  const next = "arm it with: holdfast cluster arm";
  if (wait) return fail(1, what, next);
  session.print(body, () => `${what}; ${next}\n`);
  return done;
}

/** What stands against an order is explained by `why`, better than by any hint of the server. */
function failOfOrder(error: ApiError, id: string): Outcome {
  const failed = failOfApi(error);
  if (error.code !== "refused") return failed;
  return { ok: false, error: { ...failed.error, hint: `look with: holdfast why ${id}` } };
}

const startAction: Action = {
  words: "is requested to run",
  already: (service) =>
    service.requested === "started" && service.state === "started" ? "started" : undefined,
  refusal: (service) =>
    service.state === "error" && service.requested !== "disabled"
      ? { ...inError(service), exitCode: 5 }
      : undefined,
  send: (client, id) => client.changeService(id, { state: "started" }),
  goal: (service) => ({ service, kind: "running" }),
};

function stopAction(timeoutMs: number | undefined): Action {
  return {
    words: "is being stopped",
    already: (service) =>
      service.requested === "stopped" && service.state === "stopped" ? "stopped" : undefined,
    refusal: (service) =>
      service.state === "error" && service.requested !== "disabled"
        ? {
            exitCode: 5,
            what: `${service.id} is in error: ${service.reason}`,
            hint: `stop it for good with: holdfast service disable ${service.id}`,
          }
        : undefined,
    send: (client, id) =>
      timeoutMs === undefined
        ? client.changeService(id, { state: "stopped" })
        : client.command(id, { command: "stop", timeoutMs }),
    goal: (service) => ({ service, kind: "stopped" }),
  };
}

const disableAction: Action = {
  words: "is being disabled",
  already: (service) =>
    service.requested === "disabled" && service.state === "stopped" ? "disabled" : undefined,
  refusal: () => undefined,
  send: (client, id) => client.changeService(id, { state: "disabled" }),
  goal: (service) => ({ service, kind: "stopped" }),
};

function moveAction(kind: "migrate" | "relocate", node: string): Action {
  return {
    words: `is asked to ${kind} to ${node}`,
    already: (service) =>
      service.node === node && service.state === "started" ? `on ${node}` : undefined,
    refusal: (service) =>
      service.state === "error"
        ? fail(5, `${service.id} is in error: ${service.reason}`, inError(service).hint).error
        : undefined,
    send: (client, id) => client.command(id, { command: kind, target: node }),
    goal: (service, before) =>
      before.requested === "started"
        ? { service, kind: "running", node }
        : { service, kind: "stopped", node },
  };
}
