/** Starts an agent: takes up what the last one left, then holds the lease and does what it is told. */
import type { NodeId } from "../core/ids.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { CertificateAnswer } from "../runtime/certificate-rotation.ts";
import { agentPaths } from "../wire/agent-protocol.ts";
import { certificateAnswerSchema } from "../wire/joining.ts";
import { type Control, type ControlAnswer, openControl } from "./departure/control.ts";
import { type DataDirectory, openDataDirectory } from "./disk/data-directory.ts";
import { type GuardClient, openGuard } from "./guard/client.ts";
import type { GuardCredentials } from "./guard/protocol.ts";
import { join } from "./link/join.ts";
import { createServers, type Servers } from "./link/servers.ts";
import type { AgentOptions, LeaveOutcome, RunningAgent } from "./options.ts";
import { createRuntime, type Runtime } from "./runtime.ts";
import { createUpgrader } from "./upgrade/upgrader.ts";

/** The error is one line for a person: a wrong token, a data directory in use, no guard. */
export async function startAgent(options: AgentOptions): Promise<Result<RunningAgent, string>> {
  const fault = faultOf(options);
  if (fault !== undefined) return err(fault);
  const directory = await openDataDirectory(options.dataDirectory);
  if (!directory.ok) return directory;
  const urls = serversOf(options, directory.value);
  const tls = options.certificate?.current();
  const servers = createServers({ urls, token: options.token, tls });
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
    if (!/^https?:$/.test(URL.parse(server)?.protocol ?? "")) {
      return `"${server}" cannot be a server's URL: write https://host:port`;
    }
  }
  if (options.token === undefined) {
    return options.certificate === undefined
      ? "it has neither a certificate nor a token"
      : undefined;
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
    credentials: credentialsOf(options, servers),
    log: options.log,
    onFired: (epoch) => late.runtime?.onFired(epoch),
    onUnguarded: (why) => late.runtime?.onUnguarded(why),
  });
  if (!guard.ok) return guard;
  const upgrader = createUpgrader({
    ...options,
    servers,
    launcher: options.launcher ?? (() => "none"),
    isSigned: options.certificate?.isSigned,
    onHandOver: async () => (await late.runtime?.handOver()) ?? false,
  });
  const runtime: Runtime = createRuntime({
    ...options,
    upgrader,
    node: joined.value,
    directory,
    servers,
    guard: guard.value,
    onEnding: () => late.control?.leavePlace(),
    onServers: (urls) =>
      void learnServers(urls, { options, directory, servers, guard: guard.value }),
  });
  late.runtime = runtime;
  const adopted = await runtime.begin();
  if (!adopted.ok) {
    await upgrader.stop();
    guard.value.close();
    return adopted;
  }
  const { certificate } = options;
  if (certificate !== undefined) {
    void certificate.keepFresh({
      issue: (requestPem) => requestCertificate(servers, requestPem),
      onChanged(tls) {
        servers.setTls(tls);
        void guard.value.useCredentials(credentialsOf(options, servers));
      },
      signal: servers.signal,
    });
  }
  const { onJoined } = upgrader;
  if (directory.node === undefined) onJoined();
  else void joinAgain({ options, servers, node: joined.value, runtime, onJoined });
  late.control = await controlOf(options, runtime, joined.value);
  const closed = runtime.closed.then(async (why) => {
    await late.control?.close();
    return why;
  });
  return ok({ node: joined.value, close: runtime.close, leave: runtime.leave, closed });
}

/** Those that it knew last, and those that it was told when it was started. */
function serversOf(options: AgentOptions, directory: DataDirectory): readonly string[] {
  const all = [...new Set([...directory.servers, ...namedServers(options)])];
  return all.length === 0 ? options.servers : all;
}

/** A certificate says nothing to a server that speaks plain HTTP, such as the one that is asked where none is named. */
function namedServers({ servers, certificate }: AgentOptions): readonly string[] {
  if (certificate === undefined) return servers;
  return servers.filter((server) => URL.parse(server)?.protocol === "https:");
}

function credentialsOf(options: AgentOptions, servers: Servers): GuardCredentials {
  const { token, watchdogPath, certificate } = options;
  return { servers: servers.urls(), token, tls: certificate?.current(), watchdogPath };
}

interface Knowing {
  readonly options: AgentOptions;
  readonly directory: DataDirectory;
  readonly servers: Servers;
  readonly guard: GuardClient;
}

/** Others are known from now on, also to the guard and after a restart; what it was started with stays a way in. */
async function learnServers(urls: readonly string[], parts: Knowing): Promise<void> {
  const { options, directory, servers, guard } = parts;
  const all = [...new Set([...urls, ...namedServers(options)])];
  const known = servers.urls();
  if (urls.length === 0 || all.join() === known.join()) return;
  servers.setUrls(all);
  options.log.write("info", `knows the servers ${all.join(", ")}`);
  await guard.useCredentials(credentialsOf(options, servers));
  const saved = await directory.saveServers(urls);
  if (!saved.ok) options.log.write("warn", saved.error);
}

/** Has a request signed by a server, which also names the authorities to trust; the error says why it was not. */
async function requestCertificate(
  servers: Servers,
  requestPem: string,
): Promise<Result<CertificateAnswer, string>> {
  const timeoutMs = 10_000;
  const body = { requestPem };
  const answer = await servers.call(agentPaths.certificate, body, certificateAnswerSchema, {
    timeoutMs,
  });
  return answer.kind === "ok" ? ok(answer.value) : err(answer.detail);
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

interface Again {
  readonly options: AgentOptions;
  readonly servers: Servers;
  readonly node: NodeId;
  readonly runtime: Runtime;
  /** A server knows of this agent. */
  readonly onJoined: () => void;
}

/** A node that is known already works while it joins, so that a lease is taken up again without delay. */
async function joinAgain({ options, servers, node, runtime, onJoined }: Again): Promise<void> {
  const joined = await join({ ...options, servers, signal: servers.signal });
  if (servers.signal.aborted) return;
  if (!joined.ok) await runtime.fail(joined.error);
  else if (joined.value !== node) {
    await runtime.fail(`the token is for node ${joined.value}, this data directory is ${node}'s`);
  } else onJoined();
}
