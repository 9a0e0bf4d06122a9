/** `node ...`: the machines that run services. */
import { Argument, type Command } from "commander";
import * as z from "zod";
import type { NodeResource } from "../../wire/api.ts";
import { argumentAt, type CommandContext } from "../command-context.ts";
import { done, fail, failOfApi, type Outcome, usage } from "../failure.ts";
import { formatInstant, formatSpan } from "../format/quantity.ts";
import { oneLine } from "../format/text-width.ts";
import type { Session } from "../session.ts";
import { waitForMaintenance } from "../wait-cluster.ts";
import { addNodeSet } from "./fleet/node-set.ts";
import { addNodeModes } from "./node-mode.ts";
import { addNodeJoin } from "./server/node-join.ts";
import { addWaitFlags, waitFlagsOf } from "./service/change.ts";

/** Hangs `node` and its verbs into the program. */
export function addNodeCommands(program: Command, context: CommandContext): void {
  const node = program.command("node").description("machines that run services");
  context.handle(node.command("list").description("all nodes"), listNodes);
  addNodeJoin(node, context);
  const show = node.command("show").description("one node in full").argument("<node>");
  context.handle(show, showNode);
  addNodeSet(node, context);
  const confirm = node
    .command("confirm-off")
    .description("confirm that a lost node is switched off: its services are then recovered")
    .argument("<node>")
    .option("--yes", "do not ask");
  context.handle(confirm, confirmOff);
  const maintenance = node
    .command("maintenance")
    .description("have a node's services move away before work on it, or come back after it")
    .addArgument(new Argument("<on|off>").choices(["on", "off"]))
    .argument("<node>");
  addWaitFlags(maintenance);
  context.handle(maintenance, setMaintenance);
  addNodeModes(node, context);
  const taint = node
    .command("taint")
    .description("close a node to services that do not tolerate the taint; they move away")
    .argument("<node>")
    .argument("<taint>", "a name, e.g. control-plane");
  context.handle(taint, async (session, values) => setTaint(session, values, "on"));
  const untaint = node
    .command("untaint")
    .description("open a node again to services that do not tolerate the taint")
    .argument("<node>")
    .argument("<taint>");
  context.handle(untaint, async (session, values) => setTaint(session, values, "off"));
  const remove = node
    .command("remove")
    .description("take a node out of the cluster, once nothing runs there any more")
    .argument("<node>");
  context.handle(remove, removeNode);
}

async function listNodes(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.nodes();
  if (!answer.ok) return failOfApi(answer.error);
  session.print(answer.body, () => nodesTable(session, answer.value.items));
  return done;
}

/** The nodes as a table, or what to do when there is none. */
export function nodesTable(session: Session, nodes: readonly NodeResource[]): string {
  if (nodes.length === 0) {
    return "no nodes yet; print the command for a new one with: holdfast join-script --node\n";
  }
  const isAnyTainted = nodes.some(({ taints }) => taints.length > 0);
  const isAnyNotEnabled = nodes.some(({ mode }) => mode !== "enabled");
  const rows = nodes.map((node) => [
    node.id,
    session.colours.nodeState(node.state),
    ...(isAnyNotEnabled ? [node.mode] : []),
    ...(isAnyTainted ? [node.taints.join(",") || "-"] : []),
    String(node.epoch),
    String(node.services.length),
    formatSpan(session.io.nowMs() - node.sinceMs),
    node.reason,
  ]);
  const modes = isAnyNotEnabled ? ["MODE"] : [];
  const taints = isAnyTainted ? ["TAINTS"] : [];
  return session.table(
    ["NODE", "STATE", ...modes, ...taints, "EPOCH", "SERVICES", "SINCE", "WHY"],
    rows,
  );
}

async function showNode(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.node(argumentAt(values, 0));
  if (!answer.ok) return failOfApi(answer.error);
  const node = answer.value;
  session.print(answer.body, () => {
    const properties = Object.entries(node.properties).map(
      ([name, value]) => `${name}=${Array.isArray(value) ? `[${value.join(", ")}]` : value}`,
    );
    const lines: [string, string][] = [
      ["node", node.id],
      ["state", node.state],
      ["type", node.type],
      ["epoch", `${node.epoch}, ${node.leased ? "holds its lease" : "holds no lease"}`],
      ["since", formatInstant(node.sinceMs)],
      ["why", node.reason],
      ["mode", node.mode],
      ...(node.maintenance ? [["wanted", "maintenance"] satisfies [string, string]] : []),
      [
        "agent",
        node.agentMode === "active"
          ? node.agentVersion
          : `${node.agentVersion}, in mode ${node.agentMode}`,
      ],
      ["capacity", capacityText(node)],
      ["taints", node.taints.join(", ") || "none: it takes every service"],
      ["HA group", node.haGroup ?? "none"],
      ["services", node.services.join(", ") || "none"],
      ["properties", properties.join(", ") || "none"],
      ...(node.constraint === undefined
        ? []
        : [["asks for", node.constraint] satisfies [string, string]]),
    ];
    return lines
      .map(
        ([name, value]) => `${session.colours.paint("bold", name.padEnd(10))}  ${oneLine(value)}\n`,
      )
      .join("");
  });
  return done;
}

function capacityText({ capacity }: NodeResource): string {
  if (capacity === undefined) return "not stated";
  return `${capacity.cpuCores} cores, ${Math.floor(capacity.memoryBytes / 1_024 ** 2)} MiB`;
}

async function setMaintenance(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const wish = argumentAt(values, 0) === "on" ? "on" : "off";
  const name = argumentAt(values, 1);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.putMaintenance(name, wish);
  if (!answer.ok) return failOfApi(answer.error);
  const flags = waitFlagsOf(options);
  if (!flags.wait) {
    const sentence =
      wish === "on" ? "its services move away" : "its services come back as rules and failback say";
    const follow = "follow it with: holdfast events --follow";
    session.print(answer.body, () => `maintenance of ${name} is ${wish}: ${sentence}; ${follow}\n`);
    return done;
  }
  const goal = { node: name, wish, timeoutMs: flags.timeoutMs } as const;
  const waited = await waitForMaintenance(session, client.value, goal);
  if (!waited.ok) return waited;
  const state = wish === "on" ? "in maintenance and empty" : "out of maintenance";
  const after = await client.value.node(name);
  session.print(
    after.ok ? after.body : answer.body,
    () => `${name} is ${state} after ${formatSpan(waited.value)}\n`,
  );
  return done;
}

async function setTaint(
  session: Session,
  values: readonly string[],
  wish: "on" | "off",
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const taint = argumentAt(values, 1);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.putTaint(name, taint, wish);
  if (!answer.ok) return failOfApi(answer.error);
  const sentence =
    wish === "on"
      ? `is closed to services that do not tolerate "${taint}": they move away where another node takes them; follow it with: holdfast events --follow`
      : `no longer has the taint "${taint}"`;
  session.print(answer.body, () => `${name} ${sentence}\n`);
  return done;
}

async function removeNode(session: Session, values: readonly string[]): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removeNode(name);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(
    answer.body ?? { id: name },
    () =>
      `${name} is removed, and turned away if it comes back; on that machine: stop the agent (systemctl disable --now holdfast-agent), and empty its data directory before it joins anew\n`,
  );
  return done;
}

async function confirmOff(
  session: Session,
  values: readonly string[],
  options: unknown,
): Promise<Outcome> {
  const name = argumentAt(values, 0);
  const { yes } = z.object({ yes: z.boolean().default(false) }).parse(options);
  const client = await session.client();
  if (!client.ok) return client;
  if (!yes) {
    const answer = await session.io.ask(
      `Is ${name} switched off, and will it stay off until its services run elsewhere? A wrong yes can make a service run twice. [yes/no] `,
    );
    if (answer === undefined) {
      return usage("there is no terminal to ask at", `when ${name} is off for sure, add --yes`);
    }
    if (answer.trim().toLowerCase() !== "yes") return fail(1, "not confirmed, nothing was changed");
  }
  const answer = await client.value.confirmOff(name);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(
    answer.body ?? { id: name },
    () => `${name} is confirmed off; see its services move with: holdfast events --follow\n`,
  );
  return done;
}
