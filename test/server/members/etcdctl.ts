/** Asks etcd members of a test's control plane with `etcdctl` and a server's own certificate, as an intruder would. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EtcdTls } from "../../../src/stores/etcd/client/tls.ts";
import { type TestServer, until } from "../../support/control-plane.ts";

/** Why these tests cannot run here, for `skip`; undefined: they can. */
export function missingForMembers(): string | undefined {
  for (const program of ["etcd", "etcdctl", "setpriv"]) {
    const found = spawnSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" });
    if (found.status !== 0) {
      return `"${program}" is not installed (Debian: etcd-server, etcd-client, util-linux)`;
    }
  }
  return undefined;
}

export interface EtcdctlAnswer {
  readonly succeeded: boolean;
  /** Both streams. */
  readonly text: string;
}

/** Runs `etcdctl` against the member of `at` with the certificate that is in the data directory of `as`. */
export function etcdctl(at: TestServer, as: TestServer, words: readonly string[]): EtcdctlAnswer {
  const file = (name: string): string => join(as.dataDirectory, "pki", name);
  const run = spawnSync(
    "etcdctl",
    [
      ...["--endpoints", at.clientUrl, "--cacert", file("etcd-ca.crt")],
      ...["--cert", file("etcd.crt"), "--key", file("etcd.key")],
      ...["--dial-timeout", "2s", "--command-timeout", "3s"],
      ...words,
    ],
    { encoding: "utf8", env: { ...process.env, ETCDCTL_API: "3" } },
  );
  return { succeeded: run.status === 0, text: `${run.stdout}${run.stderr}` };
}

/** The peer addresses of all members, as the member of `at` knows them; waits until it answers. */
export async function memberUrls(at: TestServer): Promise<readonly string[]> {
  let urls: readonly string[] | undefined;
  await until(`the members that ${at.name} knows`, () => {
    urls = tryMemberUrls(at);
    return urls !== undefined;
  });
  return urls ?? [];
}

/** As `memberUrls`; undefined: it does not answer now, as while the store elects a leader. */
export function tryMemberUrls(at: TestServer): readonly string[] | undefined {
  const { succeeded, text } = etcdctl(at, at, ["member", "list"]);
  if (!succeeded) return undefined;
  return text
    .trim()
    .split("\n")
    .map((line) => line.split(", ")[3] ?? "");
}

/** What opens the members, as texts, with the certificate of one server. */
export function etcdFiles(server: TestServer): EtcdTls {
  const read = (name: string): string =>
    readFileSync(join(server.dataDirectory, "pki", name), "utf8");
  return {
    caPem: read("etcd-ca.crt"),
    certificatePem: read("etcd.crt"),
    keyPem: read("etcd.key"),
  };
}
