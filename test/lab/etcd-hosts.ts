/** A real etcd cluster with TLS and client certificates, one member on each host of a lab, at the product's pace. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { join } from "node:path";
import { waitFor } from "../e2e/harness/wait.ts";
import { shippedPace } from "../support/etcd-pace.ts";
import { makeTestCertificates, type TestCertificates } from "../support/test-certificates.ts";
import type { Host } from "./host.ts";
import type { Lab } from "./lab.ts";
import type { LabProcess } from "./lab-process.ts";

const clientPort = 2379;
const peerPort = 2380;
const answerMsMax = 1_000;

/** What a member says of itself; it needs no leader for it. */
interface MemberStatus {
  readonly memberId: string;
  readonly leaderId: string | undefined;
  readonly term: number;
}

export class EtcdHosts {
  readonly certificates: TestCertificates;
  readonly #hosts: readonly Host[];
  readonly #processes = new Map<Host, LabProcess>();

  constructor(lab: Lab) {
    this.#hosts = lab.hosts;
    const addresses = lab.hosts.map(({ address }) => address);
    this.certificates = makeTestCertificates(lab.directory, addresses);
  }

  /** All members' addresses, the given host's first. */
  endpointsFrom(first: Host): readonly string[] {
    return [first, ...this.#hosts.filter((host) => host !== first)].map(clientUrl);
  }

  /** Starts the member of a host, anew or on its data. */
  start(host: Host): LabProcess {
    const started = host.start("etcd", ["etcd", ...this.#flags(host)]);
    this.#processes.set(host, started);
    return started;
  }

  /** Starts all and waits until each serves. */
  async startAll(): Promise<void> {
    for (const host of this.#hosts) this.start(host);
    await this.serve(...this.#hosts);
  }

  processOf(host: Host): LabProcess {
    const started = this.#processes.get(host);
    assert(started !== undefined, `etcd was started on ${host.name}`);
    return started;
  }

  /** Waits until each of these answers a linearizable read. */
  async serve(...hosts: readonly Host[]): Promise<void> {
    for (const host of hosts) {
      await waitFor(`etcd on ${host.name} to serve`, 30_000, async () => {
        assert(this.processOf(host).isRunning, `etcd on ${host.name} has ended`);
        return /"health":\s*"?true/.test((await this.#ask(host, "GET", "/health")) ?? "");
      });
    }
  }

  /** The host whose member says itself that it leads, of the highest term that anybody knows. */
  leader(among: readonly Host[] = this.#hosts): Promise<Host> {
    return waitFor("etcd to have a leader", 20_000, async () => {
      const asked = await Promise.all(
        among.map(async (host) => ({ host, status: await this.#status(host) })),
      );
      const term = Math.max(...asked.map(({ status }) => status?.term ?? 0));
      const found = asked.find(({ status }) => {
        return status?.term === term && status.memberId === status.leaderId;
      });
      return found?.host;
    });
  }

  /** What this member alone holds of a key, however old: no other member is asked. `failed`: no answer. */
  async readStale(host: Host, key: string): Promise<string | undefined | "failed"> {
    const body = JSON.stringify({ key: Buffer.from(key).toString("base64"), serializable: true });
    const answer = await this.#ask(host, "POST", "/v3/kv/range", body);
    if (answer === undefined) return "failed";
    const [, value] = /"value":\s*"([^"]*)"/.exec(answer) ?? [];
    return value === undefined ? undefined : Buffer.from(value, "base64").toString();
  }

  async #status(host: Host): Promise<MemberStatus | undefined> {
    const answer = await this.#ask(host, "POST", "/v3/maintenance/status");
    if (answer === undefined) return undefined;
    const textOf = (name: string): string | undefined =>
      new RegExp(`"${name}":\\s*"(\\d+)"`).exec(answer)?.[1];
    return {
      memberId: textOf("member_id") ?? "",
      leaderId: textOf("leader"),
      term: Number(textOf("raftTerm") ?? 0),
    };
  }

  #flags(host: Host): readonly string[] {
    const { caFile, certificateFile, keyFile } = this.certificates;
    const members = this.#hosts.map((each) => `${each.name}=${peerUrl(each)}`);
    return [
      ...["--name", host.name, "--data-dir", join(host.disk, "etcd")],
      ...["--listen-client-urls", clientUrl(host), "--advertise-client-urls", clientUrl(host)],
      ...["--listen-peer-urls", peerUrl(host), "--initial-advertise-peer-urls", peerUrl(host)],
      ...["--initial-cluster", members.join(","), "--initial-cluster-state", "new"],
      ...["--client-cert-auth", "--trusted-ca-file", caFile],
      ...["--cert-file", certificateFile, "--key-file", keyFile],
      ...["--peer-client-cert-auth", "--peer-trusted-ca-file", caFile],
      ...["--peer-cert-file", certificateFile, "--peer-key-file", keyFile],
      ...shippedPace,
      ...["--max-txn-ops", "2048", "--max-request-bytes", "16777216"],
      ...["--logger", "zap", "--log-level", "warn"],
    ];
  }

  /** Undefined: it does not answer. */
  #ask(host: Host, method: "GET" | "POST", path: string, body = "{}"): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const { caPem, certificatePem, keyPem } = this.certificates;
    const tls = { ca: caPem, cert: certificatePem, key: keyPem, agent: false };
    const signal = AbortSignal.timeout(answerMsMax);
    const asked = request(`${clientUrl(host)}${path}`, { method, signal, ...tls }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve(response.statusCode === 200 ? text : undefined));
      response.on("error", () => resolve(undefined));
    });
    asked.on("error", () => resolve(undefined));
    asked.end(method === "POST" ? body : undefined);
    return promise;
  }
}

function clientUrl(host: Host): string {
  return `https://${host.address}:${clientPort}`;
}

function peerUrl(host: Host): string {
  return `https://${host.address}:${peerPort}`;
}
