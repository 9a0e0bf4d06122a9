/** One real etcd process of a test's cluster: started, stopped, killed, frozen and asked. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestCertificates } from "./test-certificates.ts";

export interface EtcdMemberOptions {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** Where the others reach it; differs from the peer port when a proxy is between. */
  readonly advertisedPeerPort: number;
  readonly initialCluster: string;
  readonly initialState: "new" | "existing";
  readonly dataDirectory: string;
  readonly certificates: TestCertificates;
  /** More words for etcd's command line. */
  readonly flags: readonly string[];
}

/** What a member says of itself; it needs no leader for it. */
export interface EtcdMemberStatus {
  readonly memberId: string;
  /** "0" or undefined: it knows of no leader. */
  readonly leaderId: string | undefined;
  readonly term: number;
}

const answerMsMax = 2_000;

export class EtcdMember {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly options: EtcdMemberOptions;
  #child: ChildProcess | undefined;
  #output = "";

  constructor(options: EtcdMemberOptions) {
    this.options = options;
    this.name = options.name;
    this.clientUrl = `https://127.0.0.1:${options.clientPort}`;
    this.peerUrl = `https://127.0.0.1:${options.advertisedPeerPort}`;
  }

  /** The process, while it runs. */
  get pid(): number | undefined {
    return this.#child?.exitCode === null && this.#child.signalCode === null
      ? this.#child.pid
      : undefined;
  }

  /** The end of what etcd wrote. */
  get output(): string {
    return this.#output;
  }

  /** Starts the process, or starts it again on its data; `waitUntilReady` tells when it serves. */
  start(moreFlags: readonly string[] = []): void {
    if (this.pid !== undefined) throw new Error(`member "${this.name}" runs already`);
    // The kernel kills it with this process, whatever ends this process.
    const words = ["--pdeathsig", "KILL", "etcd", ...this.#flags(), ...moreFlags];
    const child = spawn("setpriv", words, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-100_000);
      });
    }
    this.#child = child;
  }

  /** Until it answers a linearizable read; fails with etcd's last words when it ends or takes too long. */
  async waitUntilReady(forMsMax = 20_000): Promise<void> {
    const giveUpAtMs = performance.now() + forMsMax;
    while (!(await this.isHealthy())) {
      if (this.pid === undefined || performance.now() > giveUpAtMs) {
        throw new Error(
          `etcd member "${this.name}" does not serve:\n${this.#output.slice(-3_000)}`,
        );
      }
      await sleep(50);
    }
  }

  /** SIGSTOP and SIGCONT freeze and wake it, SIGKILL ends it at once. */
  signal(name: "SIGSTOP" | "SIGCONT" | "SIGTERM" | "SIGKILL"): void {
    if (this.pid !== undefined) this.#child?.kill(name);
  }

  /** SIGSTOP, and waits until none of its threads can answer any more. */
  async freeze(): Promise<void> {
    const { pid } = this;
    if (pid === undefined) throw new Error(`member "${this.name}" does not run`);
    this.signal("SIGSTOP");
    const tasks = `/proc/${pid}/task`;
    const isStill = (task: string): boolean => {
      try {
        const stat = readFileSync(join(tasks, task, "stat"), "utf8");
        return /^[Tt]/.test(stat.slice(stat.lastIndexOf(")") + 2));
      } catch {
        return false; // this one has just ended: looked at again
      }
    };
    while (!readdirSync(tasks).every(isStill)) await sleep(1);
  }

  /** Ends the process and waits for its end. */
  async stop(name: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined || this.pid === undefined) return;
    const ended = once(child, "close");
    child.kill(name);
    child.kill("SIGCONT");
    await ended;
  }

  /** Whether it answers a linearizable read. */
  async isHealthy(): Promise<boolean> {
    const answer = await this.#ask("GET", "/health");
    return answer !== undefined && /"health":\s*"?true/.test(answer);
  }

  /** Undefined: it does not answer. */
  async status(): Promise<EtcdMemberStatus | undefined> {
    const answer = await this.gateway("/v3/maintenance/status", {});
    if (answer === undefined) return undefined;
    const textOf = (name: string): string | undefined =>
      new RegExp(`"${name}":\\s*"(\\d+)"`).exec(answer)?.[1];
    return {
      memberId: textOf("member_id") ?? "",
      leaderId: textOf("leader"),
      term: Number(textOf("raftTerm") ?? 0),
    };
  }

  #flags(): readonly string[] {
    const { options, clientUrl, peerUrl } = this;
    const { caFile, certificateFile, keyFile } = options.certificates;
    return [
      ...["--name", options.name, "--data-dir", options.dataDirectory],
      ...["--listen-client-urls", clientUrl, "--advertise-client-urls", clientUrl],
      ...["--listen-peer-urls", `https://127.0.0.1:${options.peerPort}`],
      ...["--initial-advertise-peer-urls", peerUrl],
      ...["--initial-cluster", options.initialCluster],
      ...["--initial-cluster-state", options.initialState, "--initial-cluster-token", "test"],
      ...["--client-cert-auth", "--trusted-ca-file", caFile],
      ...["--cert-file", certificateFile, "--key-file", keyFile],
      ...["--peer-client-cert-auth", "--peer-trusted-ca-file", caFile],
      ...["--peer-cert-file", certificateFile, "--peer-key-file", keyFile],
      // The contract's transactions are larger than etcd allows by itself.
      ...["--max-txn-ops", "2048", "--max-request-bytes", "16777216"],
      ...["--logger", "zap", "--log-level", "warn"],
      ...options.flags,
    ];
  }

  /** Asks etcd's JSON gateway, for what the store adapter does not offer; undefined: no success. */
  gateway(path: string, body: object): Promise<string | undefined> {
    return this.#ask("POST", path, JSON.stringify(body));
  }

  #ask(method: string, path: string, body?: string): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const { caPem, certificatePem, keyPem } = this.options.certificates;
    const asked = request(
      `${this.clientUrl}${path}`,
      { method, ca: caPem, cert: certificatePem, key: keyPem, agent: false, timeout: answerMsMax },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("end", () => resolve(response.statusCode === 200 ? text : undefined));
        response.on("error", () => resolve(undefined));
      },
    );
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
    asked.end(body);
    return promise;
  }
}
