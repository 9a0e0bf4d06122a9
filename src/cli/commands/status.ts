/** `status`: the cluster at a glance, and what needs a person first. */
import type { Command } from "commander";
import * as z from "zod";
import type { ClusterStatus, ServiceResource } from "../../wire/api.ts";
import type { CommandContext } from "../command-context.ts";
import { done, failOfApi, type Outcome } from "../failure.ts";
import { oneLine } from "../format/text-width.ts";
import type { Session } from "../session.ts";
import { textOfArming } from "./cluster.ts";
import { textOfFreeze } from "./freeze.ts";
import { nodesTable } from "./node.ts";
import { isInstance, servicesTable } from "./service/service.ts";

/** Hangs `status` into the program. */
export function addStatusCommand(program: Command, context: CommandContext): void {
  context.handle(program.command("status").description("the cluster at a glance"), showStatus);
}

async function showStatus(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.cluster();
  if (!answer.ok) return failOfApi(answer.error);
  const status = answer.value;
  session.print(answer.body, () =>
    [
      ...needsOf(status).map((need) => session.colours.paint("red", `! ${oneLine(need)}\n`)),
      headOf(status),
      ...(status.arming.state === "armed" ? [] : ["\n", textOfArming(status.arming)]),
      ...(status.freeze?.frozen === true ? ["\n", textOfFreeze(status.freeze)] : []),
      "\n",
      nodesTable(session, status.nodes),
      "\n",
      servicesTable(session, status.services),
    ].join(""),
  );
  return done;
}

function headOf(status: ClusterStatus): string {
  const seconds = (ms: number): string => `${ms / 1_000} s`;
  const { ttlMs } = status.times;
  const name = status.settings.times === undefined ? status.settings.profile : "own times";
  return [
    `manager  ${status.manager ?? "none: no server decides at the moment"}\n`,
    `profile  ${name}: a lost node's services are started elsewhere after about ${seconds(ttlMs)}\n`,
  ].join("");
}

/** What waits for a person, each with the command that helps. */
function needsOf(status: ClusterStatus): string[] {
  const errors = status.services
    // Instances of deployments are tried again by themselves.
    .filter((service) => service.state === "error" && !isInstance(service.id))
    .map(
      (service) =>
        `${service.id} is in error: ${service.reason}; correct the cause, then: holdfast service disable ${service.id} --wait && holdfast service start ${service.id}`,
    );
  const waits = status.nodes
    .filter((node) => waitsForConfirmation(status, node.id))
    .map(
      (node) =>
        `${node.id} is lost and runs services that are kept there; when it is off for sure: holdfast node confirm-off ${node.id}`,
    );
  const manager =
    status.manager === undefined ? ["no server is manager; see the servers' logs"] : [];
  const rules = status.rejectedRules.map(
    ({ rule, because }) => `${nameOf(rule)} is ignored: ${because}`,
  );
  const backup =
    status.backupWarning === undefined
      ? []
      : [`${status.backupWarning}; see: holdfast backup schedule`];
  return [...manager, ...waits, ...errors, ...rules, ...(status.versionWarnings ?? []), ...backup];
}

/** A placement group's rule bears its name already. */
function nameOf(rule: string): string {
  return rule.startsWith("group ") ? rule : `rule ${rule}`;
}

const keptSchema = z.looseObject({ onIsolation: z.literal("keep") });

/** A service that keeps running without a lease is recovered only once its node is confirmed off. */
function waitsForConfirmation(status: ClusterStatus, node: string): boolean {
  const lost = status.nodes.some((other) => other.id === node && !other.leased);
  const isKept = (service: ServiceResource): boolean =>
    keptSchema.safeParse(service.config).success && service.state === "fence";
  return (
    lost &&
    status.services.some(
      (service) => service.node === node && !isInstance(service.id) && isKept(service),
    )
  );
}
