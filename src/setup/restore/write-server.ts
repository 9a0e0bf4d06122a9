/** Writes who the restored server is: its identity, the authorities' keys, certificates of its own, the admin's token. */

import { join } from "node:path";
import { replaceFile } from "../../adapters/certificates/durable-file.ts";
import { openPkiDirectory } from "../../adapters/certificates/pki-directory.ts";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import { writeAdminToken } from "../../server/files.ts";
import { engineOf } from "../init-server.ts";
import { checkHost } from "../place/names.ts";
import { certifySelf, writeRevocations } from "../server-certificates.ts";
import {
  parseIdentity,
  type ServerIdentity,
  serverPlaces,
  writeEngine,
  writeIdentity,
} from "../server-files.ts";
import type { OldLife } from "./old-life.ts";

/** Who it is: one of the two. */
export interface RestoredServer {
  /** Of an initialised server. */
  readonly identity: ServerIdentity | undefined;
  /** Of one that was never initialised. */
  readonly serverId: string | undefined;
}

interface Address {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** The identity in a backup, at the address of now; undefined: its server was never initialised. */
export function identityIn(
  old: OldLife,
  address: Address = {},
): Result<ServerIdentity | undefined, string> {
  const text = old.file("server-identity.json");
  if (text === undefined) return ok(undefined);
  const identity = parseIdentity(text);
  if (!identity.ok) return err(`the backup's server-identity.json: ${identity.error}`);
  const host = checkHost(address.host ?? identity.value.host);
  if (!host.ok) return host;
  return ok({ ...identity.value, host: host.value, port: address.port ?? identity.value.port });
}

interface WriteParts {
  readonly draft: string;
  readonly old: OldLife;
  readonly identity: ServerIdentity | undefined;
}

/** Writes all of it into the draft. */
export async function writeServer(
  options: { readonly engine: "embedded" | "etcd"; readonly clock: Clock },
  parts: WriteParts,
): Promise<Result<RestoredServer, string>> {
  const { draft, old, identity } = parts;
  const token = old.file("admin.token")?.trim();
  if (token !== undefined) {
    const written = await writeAdminToken(draft, token);
    if (!written.ok) return written;
  }
  if (identity !== undefined) {
    const written = await writeInitialised(options, { draft, old, identity });
    return written.ok ? ok({ identity, serverId: undefined }) : written;
  }
  if (options.engine === "etcd") {
    return err(
      "this backup is of a server that was never initialised: it has no keys for etcd; leave out --ha",
    );
  }
  const serverId = old.file("server-id")?.trim();
  if (serverId !== undefined) {
    const path = join(draft, "server-id");
    try {
      await replaceFile(path, `${serverId}\n`, 0o644);
    } catch (error: unknown) {
      return err(`cannot write ${path}: ${sentenceOfSystemError(error)}`);
    }
  }
  return ok({ identity: undefined, serverId });
}

async function writeInitialised(
  { engine, clock }: { readonly engine: "embedded" | "etcd"; readonly clock: Clock },
  { draft, old, identity }: WriteParts & { readonly identity: ServerIdentity },
): Promise<Result<void, string>> {
  const places = serverPlaces(draft);
  const opened = await openPkiDirectory(draft);
  if (!opened.ok) return opened;
  const pki = opened.value;
  const steps: (() => Promise<Result<void, string>>)[] = [
    () => writeIdentity(places, identity),
    ...(["ca", "etcd-ca"] as const).flatMap((name) => [
      () => fromFile(old, `pki/${name}.crt`, (pem) => pki.writeTrusted(name, pem)),
      () => fromFile(old, `pki/${name}.key`, (pem) => pki.writeAuthorityKey(name, pem)),
    ]),
    () => writeRevocations(pki, clock, []),
    () => certifySelf({ pki, clock }, { ...identity, loadBalancer: undefined }),
    () => writeEngine(places, engineOf({ engine, etcdUrls: [] }, identity)),
  ];
  for (const step of steps) {
    const done = await step();
    if (!done.ok) return done;
  }
  return ok(undefined);
}

async function fromFile(
  old: OldLife,
  name: string,
  write: (text: string) => Promise<Result<void, string>>,
): Promise<Result<void, string>> {
  const text = old.file(name);
  return text === undefined ? err(`the backup lacks the file ${name}`) : await write(text);
}
