/** `server join` and `node join`, with real parts. */
import { systemClock as clock } from "../adapters/clock/system-clock.ts";
import { programVersion } from "../cli/commands/version.ts";
import { done, fail, type Outcome } from "../cli/failure.ts";
import type { CliIo } from "../cli/io.ts";
import type { NodeJoinOptions, ServerJoinOptions } from "../cli/roles.ts";
import { joinNode } from "../setup/join/join-node.ts";
import { joinServer } from "../setup/join/join-server.ts";
import { checkHost, checkServerName } from "../setup/place/names.ts";
import { keepOffice } from "./keep-office.ts";
import { startUnit } from "./start-unit.ts";

/** Makes this machine another server. */
export async function joinServerRole(options: ServerJoinOptions, io: CliIo): Promise<Outcome> {
  const name = checkServerName(options.name);
  if (!name.ok) return fail(2, name.error, "give another one with --name");
  const host = checkHost(options.host);
  if (!host.ok) return fail(2, host.error, "give another one with --host");
  const wanted = { ...options, host: host.value, clock, version: programVersion };
  const joined = await joinServer(wanted);
  if (!joined.ok) return fail(1, joined.error);
  const kept = await keepOffice(options, io);
  if (!kept.ok) return kept;
  const { id, isNew } = joined.value;
  const next = isNew
    ? "; it enters when it is started, one server after the other"
    : ` already; if that one was removed, empty ${options.dataDirectory} first and join again`;
  io.stdout.write(`this machine is server ${id} "${options.name}"${next}\n`);
  const started = await startUnit("server", options, io);
  if (!started.ok) return started;
  io.stdout.write("see how far it is with: holdfast server list\n");
  return done;
}

/** Makes this machine a node. */
export async function joinNodeRole(options: NodeJoinOptions, io: CliIo): Promise<Outcome> {
  const joined = await joinNode({
    ...options,
    serverDataDirectory: "/var/lib/holdfast",
    version: programVersion,
  });
  if (!joined.ok) return fail(1, joined.error);
  const { node, isNew } = joined.value;
  const already = ` already; if that one was removed, empty ${options.dataDirectory} first and join again`;
  io.stdout.write(`this machine is node ${node}${isNew ? "" : already}\n`);
  return await startUnit("agent", options, io);
}
