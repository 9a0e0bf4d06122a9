/**
 * A machine becomes a server, first half: with a join token it gets an id, certificates and the authorities' keys.
 * The second half it does itself, as a member of the store: it waits for its turn, enters as a learner and is
 * promoted. Its record below `joins/` hangs on its own lease, so that one that dies on the way leaves nothing.
 */
import { ok, type Result } from "../../core/result.ts";
import { jsonOf } from "../../runtime/manager-records.ts";
import type { Problem } from "../../wire/errors.ts";
import type { ServerJoinAnswer, serverJoinRequestSchema } from "../../wire/joining.ts";
import { keys } from "../../wire/records.ts";
import { type ChangePlan, change, unchanged } from "../changes/change.ts";
import type { ServerContext } from "../context.ts";
import { refuse } from "../http/problem-error.ts";
import { checkVersion } from "../own-config/version-skew.ts";
import { freshTables } from "../view/fresh.ts";
import type { ViewTables } from "../view/view-tables.ts";
import type { ControlPlane } from "./control-plane.ts";
import { type AcceptedJoinToken, acceptJoinToken } from "./join-tokens.ts";
import { serverUrls } from "./server-urls.ts";

type ServerJoinRequest = ReturnType<typeof serverJoinRequestSchema.parse>;

/** Most servers: more of them only make every write slower. */
const serversMax = 9;

/** Prepares a server's way in. Each call takes a new id: one that was given out is never used again. */
export async function joinServer(
  context: ServerContext,
  controlPlane: ControlPlane,
  request: ServerJoinRequest,
  from: string,
): Promise<Result<ServerJoinAnswer, Problem>> {
  const fresh = await freshTables(context);
  if (!fresh.ok) return fresh;
  const token = check(context, controlPlane, fresh.value, request);
  if (!token.ok) return token;
  const who = `join-token/${token.value.id}`;
  let id = "";
  const noted = await change(context, { identity: { who }, from }, (tables) => {
    const still = check(context, controlPlane, tables, request);
    if (!still.ok) return still;
    id = String((tables.serverCounter?.value.lastId ?? 0) + 1);
    return ok(planOf(tables, still.value, { ...request, id }));
  });
  if (!noted.ok) return noted;
  const { name, host, requestPem, etcdRequestPem } = request;
  const issued = await controlPlane.issueForServer(
    { requestPem, etcdRequestPem },
    { id, name, host, loadBalancer: noted.value.controlPlane?.value.loadBalancer },
  );
  if (!issued.ok) return refuse("bad-input", issued.error);
  const sealedKeys = await controlPlane.sealKeys(token.value.secret);
  if (!sealedKeys.ok) return refuse("unavailable", sealedKeys.error);
  return ok({
    id,
    ...issued.value,
    authorityPem: controlPlane.authorityPem,
    etcdAuthorityPem: controlPlane.etcdAuthorityPem,
    sealedKeys: sealedKeys.value,
    clientUrls: [...controlPlane.memberUrls()],
    servers: serverUrls(context),
  });
}

function planOf(
  tables: ViewTables,
  token: AcceptedJoinToken,
  joining: { readonly id: string; readonly name: string; readonly host: string },
): ChangePlan {
  const key = keys.serverCounter;
  const value = jsonOf({ version: 1, lastId: Number(joining.id) });
  return {
    compare: [...token.compare, unchanged(key, tables.serverCounter)],
    operations: [...token.operations, { kind: "put", key, value }],
    action: "server.join",
    subject: joining.id,
    detail: `"${joining.name}" at ${joining.host} with join token ${token.id}`,
  };
}

function check(
  context: ServerContext,
  controlPlane: ControlPlane,
  tables: ViewTables,
  request: ServerJoinRequest,
): ReturnType<typeof acceptJoinToken> {
  const accepted = acceptJoinToken(tables, { ...request, role: "server" }, context.clock.wallMs());
  if (!accepted.ok) return accepted;
  if (controlPlane.engine === "embedded") {
    return refuse(
      "refused",
      "the control plane is on the embedded store, which one server only can use; run holdfast server init --ha on that server first",
    );
  }
  const versions = checkVersion(context, tables, { ...request, role: "server" });
  if (!versions.ok) return versions;
  if (tables.servers.size >= serversMax) {
    return refuse("refused", `there are ${serversMax} servers already`);
  }
  const namesake = [...tables.servers.values()].find(({ value }) => value.name === request.name);
  if (namesake !== undefined) {
    return refuse(
      "already-exists",
      `server ${namesake.value.id} is named "${request.name}" already; choose another name with --name, or remove that one first`,
    );
  }
  return accepted;
}
