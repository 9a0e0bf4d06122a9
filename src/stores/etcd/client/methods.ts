/** The methods of etcd that are used, each with its path and its two codecs, built from `schema.ts` at load. */
import { fromJSON, type PackageDefinition } from "@grpc/proto-loader";
import { assert } from "../../../core/assert.ts";
import type {
  LeaseKeepAliveResponse,
  MemberAddResponse,
  MembersResponse,
  RangeRequest,
  RangeResponse,
  StatusResponse,
  TxnRequest,
  TxnResponse,
  WatchRequest,
  WatchResponse,
} from "./messages.ts";
import { enumerations, type MessageTable, messages, services } from "./schema.ts";

/** One method of etcd's: what goes in, what comes out. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly serialize: (request: Request) => Buffer;
  readonly deserialize: (bytes: Buffer) => Response;
}

type NoFields = Readonly<Record<string, never>>;
type ById = { readonly id: string };

const definition: PackageDefinition = fromJSON(
  { nested: { etcdserverpb: { nested: { ...typesOf(), ...servicesOf() } } } },
  { longs: String, enums: String, defaults: true },
);

export const range: Method<RangeRequest, RangeResponse> = method("KV", "Range");
export const txn: Method<TxnRequest, TxnResponse> = method("KV", "Txn");
export const watch: Method<WatchRequest, WatchResponse> = method("Watch", "Watch");
export const leaseGrant: Method<{ readonly ttlSeconds: number }, ById> = method(
  "Lease",
  "LeaseGrant",
);
export const leaseRevoke: Method<ById, NoFields> = method("Lease", "LeaseRevoke");
export const leaseKeepAlive: Method<ById, LeaseKeepAliveResponse> = method(
  "Lease",
  "LeaseKeepAlive",
);
export const memberAdd: Method<
  { readonly peerUrls: readonly string[]; readonly isLearner: boolean },
  MemberAddResponse
> = method("Cluster", "MemberAdd");
export const memberRemove: Method<ById, MembersResponse> = method("Cluster", "MemberRemove");
export const memberList: Method<NoFields, MembersResponse> = method("Cluster", "MemberList");
export const memberPromote: Method<ById, MembersResponse> = method("Cluster", "MemberPromote");
export const status: Method<NoFields, StatusResponse> = method("Maintenance", "Status");
export const snapshot: Method<NoFields, { readonly blob: Buffer }> = method(
  "Maintenance",
  "Snapshot",
);

function method<Request, Response>(service: string, name: string): Method<Request, Response> {
  const found = definition[`etcdserverpb.${service}`];
  assert(found !== undefined && !("format" in found), `the schema has the service ${service}`);
  const one = "format" in found ? undefined : found[name];
  assert(one !== undefined, `the schema has the method ${name}`);
  return {
    path: one.path,
    // The interfaces in messages.ts say what the schema says; a test compares them with a real etcd.
    serialize: one.requestSerialize as (request: unknown) => Buffer,
    deserialize: one.responseDeserialize as (bytes: Buffer) => Response,
  };
}

function typesOf(): Record<string, object> {
  const types: Record<string, object> = {};
  for (const [name, values] of Object.entries(enumerations)) {
    types[name] = { values: Object.fromEntries(values.map((value, index) => [value, index])) };
  }
  for (const [name, table] of Object.entries(messages)) types[name] = { fields: fieldsOf(table) };
  return types;
}

function fieldsOf(table: MessageTable): Record<string, object> {
  const fields: Record<string, object> = {};
  for (const [name, text] of Object.entries(table)) {
    const words = text.split(" ");
    const id = Number(words.at(-1));
    const type = words.at(-2) ?? "";
    fields[name] = words[0] === "repeated" ? { rule: "repeated", type, id } : { type, id };
  }
  return fields;
}

function servicesOf(): Record<string, object> {
  const all: Record<string, object> = {};
  for (const [name, table] of Object.entries(services)) {
    const methods = Object.entries(table).map(([method, text]) => {
      const [request = "", response = ""] = text.split(" ");
      const definitionOfMethod = {
        requestType: request.replace(">", ""),
        requestStream: request.startsWith(">"),
        responseType: response.replace(">", ""),
        responseStream: response.startsWith(">"),
      };
      return [method, definitionOfMethod];
    });
    all[name] = { methods: Object.fromEntries(methods) };
  }
  return all;
}
