/** `server ...`: the servers of the control plane, and the one on this machine. */
import type { Command } from "commander";
import { type ServerResource, serverIdSchema } from "../../../wire/servers.ts";
import { argumentAt, type CommandContext } from "../../command-context.ts";
import { done, failOfApi, type Outcome, usage } from "../../failure.ts";
import type { Session } from "../../session.ts";
import { addServerInit } from "./init.ts";
import { addServerJoin } from "./join.ts";
import { addServerRecover } from "./recover.ts";
import { addServerRun } from "./run.ts";
import { addServerSchema } from "./schema.ts";

/** Hangs `server` and its verbs into the program. */
export function addServerCommands(program: Command, context: CommandContext): void {
  const server = program.command("server").description("the servers of the control plane");
  addServerInit(server, context);
  addServerJoin(server, context);
  addServerRun(server, context);
  addServerRecover(server, context);
  addServerSchema(server, context);
  const list = server
    .command("list")
    .description("all servers, each asked directly: it needs no leader");
  context.handle(list, listServers);
  const remove = server
    .command("remove")
    .description("remove a server for good; it is turned away when it comes back")
    .argument("<id>");
  context.handle(remove, removeServer);
  const loadBalancer = server
    .command("load-balancer")
    .description("tell or change the address in front of all servers")
    .argument("[host:port]", 'the new address; "none" takes it away');
  context.handle(loadBalancer, setLoadBalancer);
  const isolate = server
    .command("isolate")
    .description("close the nodes on the servers' machines for services that do not tolerate it")
    .argument("<on|off>");
  context.handle(isolate, isolateServers);
}

async function listServers(session: Session): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.servers();
  if (!answer.ok) return failOfApi(answer.error);
  const { items, alike } = answer.value;
  session.print(answer.body, () => {
    const header = [
      ...["ID", "NAME", "ROLE", "MANAGER", "TERM", "INDEX", "APPLIED", "BEHIND"],
      ...["VERSION", "HEALTH", "ADDRESS"],
    ];
    const reasons = items
      .filter(({ because }) => because !== undefined)
      .map(({ name, because }) => `${name}: ${because}\n`);
    const offices = items
      .filter(({ office }) => office !== undefined)
      .map(({ name, office }) => `${name}: ${office}\n`);
    const ending = alike?.sentences.map((sentence) => `${sentence}\n`) ?? [];
    return [session.table(header, items.map(rowOf)), ...reasons, ...offices, ...ending].join("");
  });
  return done;
}

function rowOf(server: ServerResource): readonly string[] {
  const number = (value: number | undefined): string => (value === undefined ? "-" : String(value));
  return [
    ...[server.id, server.name, server.role, server.isManager ? "yes" : "-"],
    ...[number(server.term), number(server.index), number(server.applied), number(server.behind)],
    ...[server.version ?? "-", server.health, server.url],
  ];
}

async function removeServer(session: Session, values: readonly string[]): Promise<Outcome> {
  const id = argumentAt(values, 0);
  if (!serverIdSchema.safeParse(id).success) {
    return usage(`"${id}" is no server's id`, "see them with: holdfast server list");
  }
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.removeServer(id);
  if (!answer.ok) return failOfApi(answer.error);
  session.print(
    answer.body ?? { id },
    () =>
      `server ${id} is removed; on its machine: systemctl disable --now holdfast-server, then delete its data directory\n`,
  );
  return done;
}

async function setLoadBalancer(session: Session, values: readonly string[]): Promise<Outcome> {
  const client = await session.client();
  if (!client.ok) return client;
  const [wanted] = values;
  const answer =
    wanted === undefined
      ? await client.value.loadBalancer()
      : await client.value.putLoadBalancer(wanted === "none" ? null : wanted);
  if (!answer.ok) return failOfApi(answer.error);
  const { loadBalancer } = answer.value;
  const next = wanted === undefined ? "" : "; every server has its certificate issued anew for it";
  session.print(answer.body, () =>
    loadBalancer === null
      ? "there is no load balancer: clients and agents know all servers\n"
      : `the load balancer is at ${loadBalancer}${next}\n`,
  );
  return done;
}

async function isolateServers(session: Session, values: readonly string[]): Promise<Outcome> {
  const wish = argumentAt(values, 0) === "on" ? "on" : "off";
  const client = await session.client();
  if (!client.ok) return client;
  const answer = await client.value.isolateServers(wish);
  if (!answer.ok) return failOfApi(answer.error);
  const { nodes } = answer.value;
  const are = nodes.length === 1 ? "is" : "are";
  const words =
    wish === "on"
      ? `${are} closed for services that do not tolerate control-plane`
      : `${are} open for services again`;
  session.print(answer.body, () =>
    nodes.length === 0
      ? `no server's machine is a node now; it holds for those that join (isolation is ${wish})\n`
      : `${nodes.join(", ")} ${words}\n`,
  );
  return done;
}
