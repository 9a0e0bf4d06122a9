/** What a cluster begins with: an admin's token, and the settings that the operator chose. */
import { err, ok, type Result } from "../core/result.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Store } from "../ports/store.ts";
import { jsonOf, readRecord } from "../runtime/manager-records.ts";
import { userRecordSchema } from "../wire/access.ts";
import { keys, type TokenRecord, tokenRecordSchema } from "../wire/records.ts";
import { type SettingsInput, settingsSchema } from "../wire/settings.ts";
import { adminTokenFile, readAdminToken, writeAdminToken } from "./files.ts";
import { createToken, hashOf, tokenIdOf } from "./http/auth.ts";

/** One fixed id, so that of several servers that start at once only one makes the token. */
const firstTokenId = "admin";

export interface FirstStartOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly dataDirectory: string;
  readonly initialSettings?: SettingsInput | undefined;
}

/** Makes sure that there is an admin's token and that there are settings. Does nothing at later starts. */
export async function prepareCluster(options: FirstStartOptions): Promise<Result<void, string>> {
  const settings = await prepareSettings(options);
  if (!settings.ok) return settings;
  const tokens = await options.store.range(keys.tokens);
  if (!tokens.ok) return err(tokens.error.message);
  const file = await readAdminToken(options.dataDirectory);
  if (!file.ok) return file;
  const users = await options.store.range(keys.users);
  if (!users.ok) return err(users.error.message);
  const hasAdmin =
    tokens.value.entries.some(
      (entry) => readRecord(tokenRecordSchema, entry.key, entry.value).role === "admin",
    ) ||
    users.value.entries.some(
      (entry) => readRecord(userRecordSchema, entry.key, entry.value).role === "admin",
    );
  if (!hasAdmin) return await makeFirstToken(options, file.value);
  if (file.value === undefined) {
    options.log.write(
      "info",
      `no ${adminTokenFile} here: there is an admin, no other token is made`,
    );
  }
  return ok(undefined);
}

async function prepareSettings(options: FirstStartOptions): Promise<Result<void, string>> {
  if (options.initialSettings === undefined) return ok(undefined);
  const record = { version: 1, settings: settingsSchema.parse(options.initialSettings) };
  const written = await options.store.txn({
    compare: [{ kind: "absent", key: keys.settings }],
    then: [{ kind: "put", key: keys.settings, value: jsonOf(record) }],
  });
  return written.ok ? ok(undefined) : err(written.error.message);
}

/** The file first: a token that the store knows and nobody has would lock everybody out. */
async function makeFirstToken(
  options: FirstStartOptions,
  kept: string | undefined,
): Promise<Result<void, string>> {
  const { store, clock, log, dataDirectory } = options;
  let token = kept;
  if (token === undefined) {
    token = createToken(firstTokenId).token;
    const written = await writeAdminToken(dataDirectory, token);
    if (!written.ok) return written;
  } else if (tokenIdOf(token) !== firstTokenId) {
    return err(
      `"${dataDirectory}/${adminTokenFile}" holds no first token; remove it and start again`,
    );
  }
  const record: TokenRecord = {
    version: 1,
    id: firstTokenId,
    sha256: hashOf(token),
    role: "admin",
    ownsNodes: [],
    ownsServices: [],
    name: "first",
    createdAtMs: clock.wallMs(),
  };
  const key = `${keys.tokens}${firstTokenId}`;
  const stored = await store.txn({
    compare: [{ kind: "absent", key }],
    then: [{ kind: "put", key, value: jsonOf(record) }],
  });
  if (!stored.ok) return err(stored.error.message);
  const made = `the first admin's token is in ${dataDirectory}/${adminTokenFile}`;
  log.write("info", stored.value.succeeded ? made : "another server made the first admin's token");
  return ok(undefined);
}
