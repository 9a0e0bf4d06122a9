/**
 * A whole control plane on the hosts of a lab: servers with their etcd members and nodes with their agents, each the
 * built program on a host of its own, and services that say in the witness's file that they run.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import { programVersion as version } from "../../../src/cli/commands/version.ts";
import { type Client, createClient } from "../../../src/client/client.ts";
import { joinNode } from "../../../src/setup/join/join-node.ts";
import { joinServer } from "../../../src/setup/join/join-server.ts";
import type { ServerIdentity } from "../../../src/setup/server-files.ts";
import type { ServiceResource } from "../../../src/wire/api.ts";
import type { ServerResource } from "../../../src/wire/servers.ts";
import { isRunning, value } from "../../e2e/harness/cluster.ts";
import { probe } from "../../e2e/harness/probe-service.ts";
import { waitFor } from "../../e2e/harness/wait.ts";
import type { CallTarget } from "../../server-upgrade/support/writers.ts";
import { mainPath as builtPath } from "../../support/built-program.ts";
import { runTool } from "../command.ts";
import type { Host } from "../host.ts";
import type { Lab } from "../lab.ts";
import type { LabProcess } from "../lab-process.ts";
import { OverlapWitness } from "../overlap-witness.ts";
import { given, prepareServers } from "./prepare-servers.ts";

const port = 7440;
/** The built program; another build for whoever works on it. */
const mainPath = process.env["HOLDFAST_TEST_MAIN"] ?? builtPath;
const startMsMax = 45_000;
/** A client gives an answer up after so long: longer than the store looks for a member that serves. */
const answerMsMax = 8_000;

export interface ControlPlaneOptions {
  /** Hosts of servers, in the order of their ids. */
  readonly servers: readonly string[];
  /** Hosts that become servers later; clients know them from the start. */
  readonly joining?: readonly string[];
  readonly nodes: readonly string[];
  readonly profile?: "fast" | "balanced";
  /** Added to the environment of each server. */
  readonly serverEnvironment?: Readonly<Record<string, string>>;
  /** Main file of a package; servers and agents run under its launchers. Default: the built program, without them. */
  readonly installed?: string;
}

type ProbeFields = NonNullable<Parameters<typeof probe>[2]>["fields"];

export class ControlPlane {
  readonly lab: Lab;
  readonly witness: OverlapWitness;
  readonly servers: Host[];
  /** More come by joining. */
  readonly nodes: Host[];
  readonly #ids = new Map<Host, string>();
  readonly #known: readonly Host[];
  readonly #profile: string;
  readonly #serverEnvironment: Readonly<Record<string, string>>;
  readonly #installed: string | undefined;
  readonly #processes = new Map<Host, LabProcess>();

  private constructor(lab: Lab, options: ControlPlaneOptions) {
    const { servers, joining = [], nodes, profile = "fast", serverEnvironment = {} } = options;
    this.lab = lab;
    this.witness = new OverlapWitness(lab);
    this.servers = servers.map((name) => lab.host(name));
    this.nodes = nodes.map((name) => lab.host(name));
    this.#known = [...servers, ...joining].map((name) => lab.host(name));
    this.#profile = profile;
    this.#serverEnvironment = serverEnvironment;
    this.#installed = options.installed;
    for (const [index, host] of this.servers.entries()) this.#ids.set(host, String(index + 1));
  }

  /** Ready when every server votes and every node is online. */
  static async start(lab: Lab, options: ControlPlaneOptions): Promise<ControlPlane> {
    const made = new ControlPlane(lab, options);
    await prepareServers(made.servers.map((host) => made.#placeOf(host, made.idOf(host))));
    for (const host of made.servers) made.startServer(host);
    await made.allServe();
    for (const host of made.nodes) await made.joinNode(host);
    await made.areOnline(...made.nodes);
    return made;
  }

  /** The server's process begins, on its data. */
  startServer(host: Host): LabProcess {
    const words = ["server", this.#verb, "--profile", this.#profile, "--log-level", "debug"];
    const environment = this.#serverEnvironment;
    return this.#start(host, "server", [...words, "--data", serverData(host)], environment);
  }

  /** The agent's process begins, on its data. */
  startAgent(host: Host): LabProcess {
    return this.#start(host, "agent", ["agent", this.#verb, "--data", agentData(host)]);
  }

  /** The power is back: the process that was there begins anew, on its data. */
  async comesBack(host: Host): Promise<void> {
    await host.powerOn();
    if (this.servers.includes(host)) this.startServer(host);
    else this.startAgent(host);
  }

  /** The process of etcd on a server's host. */
  memberOf(host: Host): { pid(): Promise<number> } {
    return {
      pid: () =>
        waitFor(`etcd to run on ${host.name}`, 10_000, () => {
          return host.processes().find(({ command }) => command === "etcd")?.pid;
        }),
    };
  }

  /** The host gets the certificate of a node with its name; its agent begins. */
  async joinNode(host: Host): Promise<void> {
    const { token, authorityHash, servers } = value(
      await this.client().createJoinToken({ role: "node" }),
    );
    const dataDirectory = agentData(host);
    mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
    given(
      await joinNode({
        ...{ dataDirectory, name: host.name, version, properties: {}, taints: [] },
        ...{ serverDataDirectory: join(host.disk, "none"), servers, token, authorityHash },
      }),
    );
    this.startAgent(host);
    if (!this.nodes.includes(host)) this.nodes.push(host);
  }

  /** The host becomes a further server; it enters the cluster of etcd once its process runs. */
  async joinServer(host: Host): Promise<void> {
    const { token, authorityHash, servers } = value(
      await this.client().createJoinToken({ role: "server" }),
    );
    const { name, address } = host;
    const place = { dataDirectory: serverData(host), name, host: address, port };
    const joined = given(
      await joinServer({ ...place, servers, token, authorityHash, version, clock }),
    );
    this.#ids.set(host, joined.id);
    this.servers.push(host);
    this.startServer(host);
  }

  processOf(host: Host): LabProcess {
    const started = this.#processes.get(host);
    assert(started !== undefined, `${host.name} was started`);
    return started;
  }

  /** A client as the first admin that knows all servers, the given one first. */
  client(first: Host | undefined = this.servers[0]): Client {
    return this.#clientOf([first, ...this.#known.filter((host) => host !== first)]);
  }

  /** A client that asks one server and no other. */
  clientOf(server: Host, timeoutMs = answerMsMax): Client {
    return this.#clientOf([server], timeoutMs);
  }

  /** What the servers say of themselves, by the first that answers, or by one. */
  async list(server?: Host): Promise<readonly ServerResource[]> {
    const client = server === undefined ? this.client() : this.clientOf(server);
    return value(await client.servers()).items;
  }

  /** Waits until these servers (default: all) say that they are well and vote. */
  async allServe(...hosts: readonly Host[]): Promise<void> {
    const names = (hosts.length === 0 ? this.servers : hosts).map(({ name }) => name);
    const { client } = this.#firstOf(hosts);
    await waitFor(`${names.join()} to serve`, startMsMax, async () => {
      const answer = await client.servers();
      if (!answer.ok) return false;
      return names.every((name) =>
        answer.value.items.some((one) => one.name === name && serves(one)),
      );
    });
  }

  /** Waits until these nodes have a lease and are online. */
  async areOnline(...hosts: readonly Host[]): Promise<void> {
    for (const { name } of hosts) {
      await waitFor(`${name} to be online`, startMsMax, async () => {
        const answer = await this.client().node(name);
        return answer.ok && answer.value.state === "online" && answer.value.leased;
      });
    }
  }

  /** The host whose server decides, as the store says; waits until there is one among these (default: any). */
  async manager(among: readonly Host[] = this.servers, forMsMax = 30_000): Promise<Host> {
    return waitFor(
      `one of ${among.map(({ name }) => name).join()} to be manager`,
      forMsMax,
      async () => {
        const answer = await this.client(among[0]).cluster();
        const id = answer.ok ? answer.value.manager : undefined;
        return among.find((host) => this.idOf(host) === id);
      },
    );
  }

  /** The host whose member of etcd leads. */
  async leader(among: readonly Host[] = this.servers): Promise<Host> {
    return waitFor("etcd to have a leader", 30_000, async () => {
      const answer = await this.client(among[0]).servers();
      const leader = answer.ok
        ? answer.value.items.find(({ role }) => role === "leader")
        : undefined;
      return among.find(({ name }) => name === leader?.name);
    });
  }

  /** The manager's host, after etcd's leadership was moved there too. */
  async managerAndLeader(): Promise<Host> {
    for (;;) {
      const manager = await this.manager();
      const leader = await this.leader();
      if (manager === leader) return manager;
      await this.#moveLeader(leader, manager);
    }
  }

  /** Services of the witness's kind, running; all on a given node at first where one is named. */
  async addProbes(ids: readonly string[], node?: Host, more: ProbeFields = {}): Promise<void> {
    const fields = { ...more, ...(node === undefined ? {} : { node: node.name }) };
    for (const id of ids) {
      value(await this.client().addService(probe(this.witness, id, { fields })));
    }
    for (const id of ids) await this.runs(id);
  }

  /** Waits until its agent says that it runs, and that it does itself; elsewhere than on a host where one is named. */
  async runs(
    id: string,
    options: { readonly notOn?: Host; readonly forMsMax?: number } = {},
  ): Promise<ServiceResource> {
    const { notOn, forMsMax = 25_000 } = options;
    return waitFor(`${id} to run`, forMsMax, async () => {
      const answer = await this.client(this.servers.find(({ isOn }) => isOn)).service(id);
      if (!answer.ok || !isRunning(answer.value) || answer.value.node === notOn?.name)
        return undefined;
      return this.isBeating(id, answer.value.node) ? answer.value : undefined;
    });
  }

  /** Whether the last copy of it, on that node, has said within half a second that it lives. */
  isBeating(id: string, node?: string): boolean {
    const last = this.witness.lives(id).at(-1);
    if (last === undefined || (node !== undefined && last.node !== node)) return false;
    return Number(process.hrtime.bigint() - last.lastNs) / 1e6 < 500;
  }

  idOf(server: Host): string {
    return this.#ids.get(server) ?? "";
  }

  /** What the command line has to know in its environment, as the first admin. */
  commandEnvironment(): Readonly<Record<string, string>> {
    const [first] = this.servers;
    assert(first !== undefined, "there is a server");
    return {
      HOLDFAST_SERVER: `https://${first.address}:${port}`,
      HOLDFAST_CA: join(serverData(first), "pki", "ca.crt"),
      HOLDFAST_TOKEN_FILE: join(serverData(first), "admin.token"),
    };
  }

  /** What clients need to call the servers as the first admin. */
  target(hosts: readonly Host[] = this.servers): CallTarget {
    const { HOLDFAST_CA = "", HOLDFAST_TOKEN_FILE = "" } = this.commandEnvironment();
    return {
      servers: hosts.map(({ address }) => ({ url: `https://${address}:${port}` })),
      ca: readFileSync(HOLDFAST_CA, "utf8"),
      token: readFileSync(HOLDFAST_TOKEN_FILE, "utf8").trim(),
    };
  }

  get #verb(): "launch" | "run" {
    return this.#installed === undefined ? "run" : "launch";
  }

  #firstOf(hosts: readonly Host[]): { readonly client: Client } {
    return { client: this.client(hosts[0] ?? this.servers[0]) };
  }

  #clientOf(hosts: readonly (Host | undefined)[], timeoutMs = answerMsMax): Client {
    const target = this.target(hosts.filter((host) => host !== undefined));
    const { ca: authorityPem, token } = target;
    const [server = "", ...otherServers] = target.servers.map(({ url }) => url);
    return createClient({ server, otherServers, authorityPem, token, timeoutMs });
  }

  #placeOf(host: Host, id: string): { identity: ServerIdentity; dataDirectory: string } {
    const identity: ServerIdentity = { version: 1, id, name: host.name, host: host.address, port };
    return { identity, dataDirectory: serverData(host) };
  }

  #start(
    host: Host,
    name: string,
    words: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): LabProcess {
    const command = [process.execPath, ...process.execArgv, this.#installed ?? mainPath, ...words];
    const started = host.start(name, command, { environment });
    this.#processes.set(host, started);
    return started;
  }

  async #moveLeader(from: Host, to: Host): Promise<void> {
    const file = (name: string): string => join(serverData(from), "pki", name);
    const certificates = [
      "--cacert",
      file("etcd-ca.crt"),
      "--cert",
      file("etcd.crt"),
      "--key",
      file("etcd.key"),
    ];
    const etcdctl = (...words: string[]): Promise<string> =>
      runTool([
        "etcdctl",
        "--endpoints",
        `https://${from.address}:${port + 1}`,
        ...certificates,
        ...words,
      ]);
    const members = await etcdctl("member", "list");
    const line = members
      .split("\n")
      .find((one) => one.includes(`https://${to.address}:${port + 2}`));
    const [id = ""] = line?.split(",") ?? [];
    // Refused when it has moved by itself meanwhile: whoever asked looks again.
    await etcdctl("move-leader", id).catch(() => undefined);
  }
}

function serves({ health, role }: ServerResource): boolean {
  return health === "ok" && role !== "learner" && role !== "error";
}

function serverData(host: Host): string {
  return join(host.disk, "server");
}

function agentData(host: Host): string {
  return join(host.disk, "agent");
}
