/**
 * The part of etcd's gRPC interface (rpc.proto and kv.proto of etcd 3.4) that is used, as a table: what is not
 * named here is skipped when an answer is read. Numbers are the fields' numbers on the wire.
 */

/** `[repeated] TYPE NUMBER` by field name. */
export type MessageTable = Readonly<Record<string, string>>;

/** Names of an enumeration in the order of their numbers, from 0. */
export const enumerations: Readonly<Record<string, readonly string[]>> = {
  CompareResult: ["EQUAL", "GREATER", "LESS", "NOT_EQUAL"],
  CompareTarget: ["VERSION", "CREATE", "MOD", "VALUE", "LEASE"],
  EventType: ["PUT", "DELETE"],
};

/** All messages by name. */
export const messages: Readonly<Record<string, MessageTable>> = {
  ResponseHeader: { memberId: "uint64 2", revision: "int64 3", raftTerm: "uint64 4" },
  KeyValue: {
    key: "bytes 1",
    createRevision: "int64 2",
    modRevision: "int64 3",
    value: "bytes 5",
    lease: "int64 6",
  },
  RangeRequest: {
    key: "bytes 1",
    rangeEnd: "bytes 2",
    limit: "int64 3",
    revision: "int64 4",
    countOnly: "bool 9",
  },
  RangeResponse: { header: "ResponseHeader 1", kvs: "repeated KeyValue 2", more: "bool 3" },
  PutRequest: { key: "bytes 1", value: "bytes 2", lease: "int64 3" },
  DeleteRangeRequest: { key: "bytes 1" },
  RequestOp: {
    requestRange: "RangeRequest 1",
    requestPut: "PutRequest 2",
    requestDeleteRange: "DeleteRangeRequest 3",
  },
  Compare: {
    result: "CompareResult 1",
    target: "CompareTarget 2",
    key: "bytes 3",
    createRevision: "int64 5",
    modRevision: "int64 6",
    value: "bytes 7",
  },
  TxnRequest: {
    compare: "repeated Compare 1",
    success: "repeated RequestOp 2",
    failure: "repeated RequestOp 3",
  },
  ResponseOp: { responseRange: "RangeResponse 1" },
  TxnResponse: {
    header: "ResponseHeader 1",
    succeeded: "bool 2",
    responses: "repeated ResponseOp 3",
  },
  WatchRequest: {
    createRequest: "WatchCreateRequest 1",
    cancelRequest: "WatchCancelRequest 2",
    progressRequest: "WatchProgressRequest 3",
  },
  WatchCreateRequest: {
    key: "bytes 1",
    rangeEnd: "bytes 2",
    startRevision: "int64 3",
    progressNotify: "bool 4",
    prevKv: "bool 6",
    watchId: "int64 7",
    fragment: "bool 8",
  },
  WatchCancelRequest: { watchId: "int64 1" },
  WatchProgressRequest: {},
  WatchResponse: {
    header: "ResponseHeader 1",
    watchId: "int64 2",
    created: "bool 3",
    canceled: "bool 4",
    compactRevision: "int64 5",
    cancelReason: "string 6",
    fragment: "bool 7",
    events: "repeated Event 11",
  },
  Event: { type: "EventType 1", kv: "KeyValue 2", prevKv: "KeyValue 3" },
  LeaseGrantRequest: { ttlSeconds: "int64 1" },
  LeaseGrantResponse: { id: "int64 2" },
  LeaseRevokeRequest: { id: "int64 1" },
  LeaseKeepAliveRequest: { id: "int64 1" },
  LeaseKeepAliveResponse: { header: "ResponseHeader 1", id: "int64 2", ttlSeconds: "int64 3" },
  Member: {
    id: "uint64 1",
    name: "string 2",
    peerUrls: "repeated string 3",
    clientUrls: "repeated string 4",
    isLearner: "bool 5",
  },
  MemberListRequest: {},
  MemberAddRequest: { peerUrls: "repeated string 1", isLearner: "bool 2" },
  MemberAddResponse: { member: "Member 2", members: "repeated Member 3" },
  MemberIdRequest: { id: "uint64 1" },
  MembersResponse: { members: "repeated Member 2" },
  StatusRequest: {},
  StatusResponse: {
    header: "ResponseHeader 1",
    version: "string 2",
    dbSizeBytes: "int64 3",
    leader: "uint64 4",
    raftIndex: "uint64 5",
    raftTerm: "uint64 6",
    raftAppliedIndex: "uint64 7",
    errors: "repeated string 8",
    isLearner: "bool 10",
  },
  SnapshotRequest: {},
  SnapshotResponse: { blob: "bytes 3" },
  Nothing: {},
};

/** By service, by method: the request's and the answer's message; `>` before one: a stream of it. */
export const services: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  KV: { Range: "RangeRequest RangeResponse", Txn: "TxnRequest TxnResponse" },
  Watch: { Watch: ">WatchRequest >WatchResponse" },
  Lease: {
    LeaseGrant: "LeaseGrantRequest LeaseGrantResponse",
    LeaseRevoke: "LeaseRevokeRequest Nothing",
    LeaseKeepAlive: ">LeaseKeepAliveRequest >LeaseKeepAliveResponse",
  },
  Cluster: {
    MemberAdd: "MemberAddRequest MemberAddResponse",
    MemberRemove: "MemberIdRequest MembersResponse",
    MemberList: "MemberListRequest MembersResponse",
    MemberPromote: "MemberIdRequest MembersResponse",
  },
  Maintenance: {
    Status: "StatusRequest StatusResponse",
    Snapshot: "SnapshotRequest >SnapshotResponse",
  },
};
