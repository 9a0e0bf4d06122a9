/** What a test looks up of servers: on their disks, and in their store's cluster. */
import assert from "node:assert/strict";
import { openPkiDirectory } from "../../../src/adapters/certificates/pki-directory.ts";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import type { MemberAdmin, StoreMember } from "../../../src/ports/members.ts";
import { openCredentials } from "../../../src/setup/engine/credentials.ts";
import { readEngine, type StoreEngine, serverPlaces } from "../../../src/setup/server-files.ts";
import type { EtcdAccess } from "../../../src/stores/etcd/etcd-access.ts";
import { createEtcdAdmin } from "../../../src/stores/etcd/etcd-admin.ts";
import type { TestControlPlane, TestServer } from "../../support/control-plane.ts";
import { must } from "./must.ts";
import { silentLog as log } from "./silent-log.ts";

/** The server that was made first. */
export function firstOf(controlPlane: TestControlPlane): TestServer {
  const [server] = controlPlane.servers;
  assert.ok(server);
  return server;
}

/** What `store.json` says. */
export async function storedOf({ dataDirectory }: TestServer): Promise<StoreEngine | undefined> {
  return must(await readEngine(serverPlaces(dataDirectory)));
}

export async function engineOf(server: TestServer): Promise<string | undefined> {
  return (await storedOf(server))?.engine;
}

/** The way to a server's member, with that server's certificates. */
export async function accessTo({ dataDirectory, clientUrl }: TestServer): Promise<EtcdAccess> {
  const credentials = must(await openCredentials(must(await openPkiDirectory(dataDirectory))));
  return { endpoints: [clientUrl], tls: () => credentials.etcd(), clock, log };
}

/** Members as a server's own member knows them, which needs no quorum; none while it does not answer. */
export class Members {
  readonly #admin: MemberAdmin;
  readonly #endpoint: string;

  private constructor(admin: MemberAdmin, endpoint: string) {
    this.#admin = admin;
    this.#endpoint = endpoint;
  }

  static async of(server: TestServer): Promise<Members> {
    return new Members(createEtcdAdmin(await accessTo(server)), server.clientUrl);
  }

  async list(): Promise<readonly StoreMember[]> {
    const members = await this.#admin.memberList(this.#endpoint);
    return members.ok ? members.value : [];
  }

  async close(): Promise<void> {
    await this.#admin.close();
  }
}
