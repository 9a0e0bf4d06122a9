/**
 * Data directories of servers that begin together as one etcd cluster: what `server init` leaves, once for each host.
 * Their joining one by one, with five seconds of etcd's patience each, is for the tests of joining.
 */
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { openPkiDirectory } from "../../../src/adapters/certificates/pki-directory.ts";
import { systemClock as clock } from "../../../src/adapters/clock/system-clock.ts";
import type { Result } from "../../../src/core/result.ts";
import { initServer, memberNameOf } from "../../../src/setup/init-server.ts";
import { certifySelf } from "../../../src/setup/server-certificates.ts";
import {
  addressesOf,
  type ServerIdentity,
  serverPlaces,
  writeEngine,
  writeIdentity,
} from "../../../src/setup/server-files.ts";

/** Where a server is to be, and who it is. */
export interface ServerPlace {
  readonly identity: ServerIdentity;
  readonly dataDirectory: string;
}

/** Writes them; the servers know each other and have the same authorities and the same first admin's token. */
export async function prepareServers(places: readonly ServerPlace[]): Promise<void> {
  const [first, ...others] = places;
  assert(first !== undefined, "there is a first server");
  const { name, host, port } = first.identity;
  given(
    await initServer({
      ...{ dataDirectory: first.dataDirectory, name, host, port, clock },
      ...{ engine: "etcd", etcdUrls: [], loadBalancer: undefined, isolate: false },
    }),
  );
  for (const place of others) await copyFrom(first, place);
  const initialCluster = places
    .map(({ identity }) => `${memberNameOf(identity.id)}=${addressesOf(identity).peerUrl}`)
    .join();
  for (const { identity, dataDirectory } of places) {
    const member = { name: memberNameOf(identity.id), initialCluster, state: "new" as const };
    const endpoints = places
      .filter((other) => other.identity.id !== identity.id)
      .map((other) => addressesOf(other.identity).clientUrl);
    const engine = { version: 1, engine: "etcd", member, endpoints, joining: false } as const;
    given(await writeEngine(serverPlaces(dataDirectory), engine));
  }
}

async function copyFrom(first: ServerPlace, place: ServerPlace): Promise<void> {
  const { identity, dataDirectory } = place;
  for (const file of ["pki", "admin.token"]) {
    const to = join(dataDirectory, file);
    await cp(join(first.dataDirectory, file), to, { recursive: true, verbatimSymlinks: true });
  }
  const pki = given(await openPkiDirectory(dataDirectory));
  given(await certifySelf({ pki, clock }, { ...identity, loadBalancer: undefined }));
  given(await writeIdentity(serverPlaces(dataDirectory), identity));
}

/** The value, or the test fails with the reason. */
export function given<T>(result: Result<T, string>): T {
  if (result.ok) return result.value;
  throw new Error(result.error);
}
