/**
 * A real etcd cluster on loopback with TLS and client certificates, for tests: `startEtcdCluster`, then `members[n]`
 * can be stopped, killed, frozen, woken and started again. Nothing is left behind when the test's process ends.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EtcdMember } from "./etcd-member.ts";
import { freePorts } from "./free-ports.ts";
import { PeerNetwork } from "./peer-network.ts";
import { makeTestCertificates, type TestCertificates } from "./test-certificates.ts";

export interface EtcdClusterOptions {
  /** Members; default 3. */
  readonly memberCount?: number;
  /** More words for each member's command line. */
  readonly flags?: readonly string[];
  /** `cuttable`: members reach each other through this process, and `network` can cut them off. */
  readonly peers?: "direct" | "cuttable";
}

/** Why no cluster can be started here, for `skip`; undefined: it can. */
export function missingForEtcd(): string | undefined {
  for (const program of ["etcd", "openssl", "setpriv"]) {
    const found = spawnSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    if (found.status !== 0) {
      return `"${program}" is not installed (Debian: etcd-server, openssl, util-linux)`;
    }
  }
  return undefined;
}

/** Starts a cluster and waits until each member serves. */
export async function startEtcdCluster(options: EtcdClusterOptions = {}): Promise<EtcdCluster> {
  for (let attempt = 1; ; attempt++) {
    const cluster = await EtcdCluster.prepare(options);
    try {
      for (const member of cluster.members) member.start();
      await Promise.all(cluster.members.map((member) => member.waitUntilReady()));
      return cluster;
    } catch (error: unknown) {
      const isPortTaken = cluster.members.some(({ output }) => output.includes("already in use"));
      await cluster.stop();
      if (!isPortTaken || attempt >= 3) throw error;
    }
  }
}

export class EtcdCluster {
  readonly members: EtcdMember[];
  readonly certificates: TestCertificates;
  /** Only with `peers: "cuttable"`. */
  readonly network: PeerNetwork | undefined;
  readonly #folder: string;
  readonly #flags: readonly string[];

  private constructor(parts: {
    members: EtcdMember[];
    certificates: TestCertificates;
    network: PeerNetwork | undefined;
    folder: string;
    flags: readonly string[];
  }) {
    this.members = parts.members;
    this.certificates = parts.certificates;
    this.network = parts.network;
    this.#folder = parts.folder;
    this.#flags = parts.flags;
  }

  /** Makes all but the processes. */
  static async prepare(options: EtcdClusterOptions): Promise<EtcdCluster> {
    const { memberCount = 3, flags = [], peers = "direct" } = options;
    const folder = mkdtempSync(join(tmpdir(), "holdfast-etcd-"));
    const certificates = makeTestCertificates(folder);
    const ports = await freePorts(memberCount * 2);
    const peerPorts = ports.slice(memberCount);
    const network = peers === "cuttable" ? await PeerNetwork.open(peerPorts) : undefined;
    const advertised = network?.ports ?? peerPorts;
    const initialCluster = advertised
      .map((port, index) => `m${index}=https://127.0.0.1:${port}`)
      .join(",");
    const members = peerPorts.map(
      (peerPort, index) =>
        new EtcdMember({
          name: `m${index}`,
          clientPort: ports[index] ?? 0,
          peerPort,
          advertisedPeerPort: advertised[index] ?? 0,
          initialCluster,
          initialState: "new",
          dataDirectory: join(folder, `m${index}`),
          certificates,
          flags,
        }),
    );
    network?.know(() => members.map((member) => member.pid));
    return new EtcdCluster({ members, certificates, network, folder, flags });
  }

  /** `https://` addresses of all members, in their order. */
  get endpoints(): readonly string[] {
    return this.members.map((member) => member.clientUrl);
  }

  /** What a client needs, as values. */
  get tls(): Pick<TestCertificates, "caPem" | "certificatePem" | "keyPem"> {
    const { caPem, certificatePem, keyPem } = this.certificates;
    return { caPem, certificatePem, keyPem };
  }

  /** The member that most running members of the highest term take for the leader. */
  async leader(): Promise<EtcdMember> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const asked = await Promise.all(
        this.members.map(async (member) => ({ member, status: await member.status() })),
      );
      const term = Math.max(...asked.map(({ status }) => status?.term ?? 0));
      const leaderId = asked.find(({ status }) => status?.term === term)?.status?.leaderId;
      const found = asked.find(
        ({ status }) => status?.term === term && status.memberId === leaderId,
      );
      if (found !== undefined) return found.member;
      await sleep(50);
    }
    throw new Error("the etcd cluster has no leader");
  }

  /** The members that are not the leader. */
  async followers(): Promise<readonly EtcdMember[]> {
    const leader = await this.leader();
    return this.members.filter((member) => member !== leader);
  }

  /** A further member with an empty data folder, not started; add it to the cluster, then `start` it. */
  async prepareMember(): Promise<EtcdMember> {
    const [clientPort = 0, peerPort = 0] = await freePorts(2);
    const name = `m${this.members.length}`;
    const known = [...this.members.map(nameAndUrl), `${name}=https://127.0.0.1:${peerPort}`];
    const member = new EtcdMember({
      ...{ name, clientPort, peerPort, advertisedPeerPort: peerPort },
      initialCluster: known.join(","),
      initialState: "existing",
      dataDirectory: join(this.#folder, name),
      certificates: this.certificates,
      flags: this.#flags,
    });
    this.members.push(member);
    return member;
  }

  /** A path in the cluster's temporary folder, which goes with it. */
  file(name: string): string {
    return join(this.#folder, name);
  }

  /** Kills all members and removes their folder. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop("SIGKILL")));
    await this.network?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function nameAndUrl(member: EtcdMember): string {
  return `${member.name}=${member.peerUrl}`;
}
