/** Starts an agent: takes up what the last one left, then holds the lease and does what it is told. */
import type { NodeId } from "../core/ids.ts";
import { err, ok, type Result } from "../core/result.ts";
import { type Control, type ControlAnswer, openControl } from "./departure/control.ts";
import { type DataDirectory, openDataDirectory } from "./disk/data-directory.ts";
import { openGuard } from "./guard/client.ts";
import { join } from "./link/join.ts";
import { createServers, type Servers } from "./link/servers.ts";
import type { AgentOptions, LeaveOutcome, RunningAgent } from "./options.ts";
import { createRuntime, type Runtime } from "./runtime.ts";

/** The error is one line for a person: a wrong token, a data directory in use, no guard. */
export async function startAgent(options: AgentOptions): Promise<Result<RunningAgent, string>> {
  const fault = faultOf(options);
  if (fault !== undefined) return err(fault);
  const directory = await openDataDirectory(options.dataDirectory);
  if (!directory.ok) return directory;
  const servers = createServers({ urls: options.servers, token: options.token });
  const started = await startLocked(options, directory.value, servers);
  if (!started.ok) {
    servers.close();
    await directory.value.unlock();
  }
  return started;
}

function faultOf(options: AgentOptions): string | undefined {
  if (options.servers.length === 0) return "no server is given: name at least one";
  for (const server of options.servers) {
    if (URL.parse(server)?.protocol !== "http:") {
      return `"${server}" cannot be a server's URL: write http://host:port`;
    }
  }
  if (!/^[\x21-\x7e]{1,1000}$/.test(options.token)) return "the token is empty or no token";
  return undefined;
}

/** Callbacks of parts that are made before the runtime that they call. */
interface Late {
  runtime: Runtime | undefined;
  control: Control | undefined;
}

async function startLocked(
  options: AgentOptions,
  directory: DataDirectory,
  servers: Servers,
): Promise<Result<RunningAgent, string>> {
  const late: Late = { runtime: undefined, control: undefined };
  const never = new AbortController();
  const joining = { ...options, servers, signal: options.signal ?? never.signal };
  const joined = directory.node === undefined ? await join(joining) : ok(directory.node);
  if (!joined.ok) return joined;
  if (directory.node === undefined) {
    const saved = await directory.saveNode(joined.value);
    if (!saved.ok) return saved;
  }
  const guard = await openGuard({
    dataDirectory: options.dataDirectory,
    guardCommand: options.guardCommand,
    credentials: {
      servers: options.servers,
      token: options.token,
      watchdogPath: options.watchdogPath,
    },
    log: options.log,
    onFired: (epoch) => late.runtime?.onFired(epoch),
    onUnguarded: (why) => late.runtime?.onUnguarded(why),
  });
  if (!guard.ok) return guard;
  const runtime: Runtime = createRuntime({
    ...options,
    node: joined.value,
    directory,
    servers,
    guard: guard.value,
    onEnding: () => late.control?.leavePlace(),
  });
  late.runtime = runtime;
  const adopted = await runtime.begin();
  if (!adopted.ok) {
    guard.value.close();
    return adopted;
  }
  if (directory.node !== undefined) void joinAgain(options, servers, joined.value, runtime);
  late.control = await controlOf(options, runtime, joined.value);
  const closed = runtime.closed.then(async (why) => {
    await late.control?.close();
    return why;
  });
  return ok({ node: joined.value, close: runtime.close, leave: runtime.leave, closed });
}

/** Undefined: it cannot be had. The agent works as well without, and a signal ends it, too. */
async function controlOf(
  options: AgentOptions,
  runtime: Runtime,
  node: NodeId,
): Promise<Control | undefined> {
  const control = await openControl(options.dataDirectory, async (kind): Promise<ControlAnswer> => {
    options.log.write("info", `is asked to leave (${kind})`);
    const outcome = await runtime.leave(kind);
    return { outcome, sentence: `the agent of ${node} ${outcomeWords[outcome]}` };
  });
  if (control.ok) return control.value;
  options.log.write("warn", control.error);
  return undefined;
}

const outcomeWords: Readonly<Record<LeaveOutcome, string>> = {
  stopped: "has left: its services are stopped",
  released: "has left: its services are frozen and run on until it is back",
  detached:
    "has ended without the manager's leave: its services run on until it is back or its lease's deadline",
  late: "has ended, and could not stop everything: its guard kills what is left",
};

/** A node that is known already works while it joins, so that a lease is taken up again without delay. */
async function joinAgain(
  options: AgentOptions,
  servers: Servers,
  node: NodeId,
  runtime: Runtime,
): Promise<void> {
  const joined = await join({ ...options, servers, signal: servers.signal });
  if (servers.signal.aborted) return;
  if (!joined.ok) await runtime.fail(joined.error);
  else if (joined.value !== node) {
    await runtime.fail(`the token is for node ${joined.value}, this data directory is ${node}'s`);
  }
}
