/**
 * The calls that a server answers while it waits for its store's schema: an upgrade that changes the schema is then in
 * its midst, and people must be able to see it, pause it and take it back, and to end a freeze, although no server serves.
 */
import type { IncomingMessage } from "node:http";
import { ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Store } from "../../ports/store.ts";
import type { FreezeResource } from "../../wire/api.ts";
import { upgradeOrderRequestSchema } from "../../wire/control-plane/upgrades.ts";
import type { Problem } from "../../wire/errors.ts";
import { checkNeeds } from "../access/guard-routes.ts";
import type { Identity } from "../access/identity.ts";
import { accessOf } from "../access/routes-table.ts";
import { etagOf, preconditionOf } from "../http/etag.ts";
import { refuse } from "../http/problem-error.ts";
import { readJsonBody } from "./waiting-calls-body.ts";
import { tellFreeze, unfreeze } from "./waiting-calls-freeze.ts";
import { createIdentifier } from "./waiting-calls-identity.ts";
import { storeInTime, type WaitingStore } from "./waiting-calls-store.ts";
import { orderUpgrade, tellUpgrade } from "./waiting-calls-upgrade.ts";

export interface WaitingCallsOptions {
  /** The store as it is: nothing that is done here depends on its schema. */
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

export interface WaitingCalls {
  /** The answer, or what is wrong; undefined: the call is none of those that are answered. */
  answer(request: IncomingMessage): Promise<Result<WaitingAnswer, Problem>> | undefined;
}

/** What goes well. */
export interface WaitingAnswer {
  readonly body: unknown;
  /** Of what is shown; undefined: it has none. */
  readonly etag?: string | undefined;
}

/** Calls that are answered at once; each is a few reads of the store. */
const callsMax = 100;

/** The calls of one server, for as long as it waits. */
export function createWaitingCalls(options: WaitingCallsOptions): WaitingCalls {
  const { clock, log } = options;
  const store = storeInTime(options.store, clock);
  const identify = createIdentifier({ store, clock });
  let openCount = 0;

  async function admitAndAnswer(
    request: IncomingMessage,
    { method, path, handle }: Call,
  ): Promise<Result<WaitingAnswer, Problem>> {
    const from = request.socket.remoteAddress ?? "";
    const { authorization } = request.headers;
    const identified = await identify({ authorization, from });
    if (!identified.ok) return identified;
    const identity = identified.value;
    const admitted = admit(identity, method, path);
    if (!admitted.ok) {
      const { who, permission, detail } = admitted.error;
      log.write("warn", `refused: ${detail}`, { who, permission, from, method, path });
      return admitted;
    }
    return await handle({ ...options, store, request, who: identity.who, from });
  }

  return {
    answer(request) {
      const path = request.url?.split("?", 1)[0];
      const call = calls.find((each) => each.path === path && each.method === request.method);
      if (call === undefined) return undefined;
      if (openCount >= callsMax) {
        return Promise.resolve(refuse("too-many", `${callsMax} requests are open already`));
      }
      openCount += 1;
      return admitAndAnswer(request, call).finally(() => {
        openCount -= 1;
      });
    },
  };
}

/** A call whose caller may make it. */
interface Admitted {
  readonly store: WaitingStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly request: IncomingMessage;
  readonly who: string;
  readonly from: string;
}

interface Call {
  readonly method: "GET" | "PUT" | "DELETE";
  readonly path: string;
  handle(admitted: Admitted): Promise<Result<WaitingAnswer, Problem>>;
}

const calls: readonly Call[] = [
  {
    method: "GET",
    path: "/v1/upgrade",
    handle: async ({ store }) => asAnswer(await tellUpgrade(store)),
  },
  {
    method: "PUT",
    path: "/v1/upgrade/order",
    async handle({ store, clock, log, request, who, from }) {
      const body = await readJsonBody(request, upgradeOrderRequestSchema, clock);
      if (!body.ok) return body;
      const { order } = body.value;
      const ordered = await orderUpgrade(store, { order, who, from, atMs: clock.wallMs() });
      if (ordered.ok) log.write("info", `upgrade.${order} cluster`, { who, from });
      return asAnswer(ordered);
    },
  },
  {
    method: "GET",
    path: "/v1/freeze",
    async handle({ store, clock }) {
      const freeze = await tellFreeze(store, clock.wallMs());
      return freeze.ok ? ok(answerOfFreeze(freeze.value)) : freeze;
    },
  },
  {
    method: "DELETE",
    path: "/v1/freeze",
    async handle({ store, clock, log, request, who, from }) {
      const precondition = preconditionOf(request);
      if (!precondition.ok) return precondition;
      const wish = { precondition: precondition.value, who, from, atMs: clock.wallMs() };
      const done = await unfreeze(store, wish);
      if (!done.ok) return done;
      const { freeze, detail } = done.value;
      if (detail !== "") log.write("info", `cluster.unfreeze cluster: ${detail}`, { who, from });
      return ok(answerOfFreeze(freeze));
    },
  },
];

function asAnswer(upgrade: Result<unknown, Problem>): Result<WaitingAnswer, Problem> {
  return upgrade.ok ? ok({ body: { upgrade: upgrade.value } }) : upgrade;
}

function answerOfFreeze(body: FreezeResource): WaitingAnswer {
  return { body, etag: etagOf(body.revision) };
}

/** What the route needs of those who call it at a server that serves. */
function admit(identity: Identity, method: string, path: string): Result<void, Problem> {
  const access = accessOf(method, path);
  if (access.kind !== "person") return refuse("not-allowed", "this is not for people");
  const [permission] = access.permissions;
  if (identity.kind !== "person") return checkNeeds(identity, [{ permission, objects: [] }]);
  const tables = { tokens: new Map() };
  return checkNeeds(identity, access.needs({ identity, params: {}, body: undefined, tables }));
}
