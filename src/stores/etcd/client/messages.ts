/** The messages of `schema.ts` as types. Numbers of 64 bits are decimal text; a missing message is null. */

export interface ResponseHeader {
  /** The member that answered. */
  readonly memberId: string;
  readonly revision: string;
  readonly raftTerm: string;
}

export interface KeyValue {
  readonly key: Buffer;
  readonly createRevision: string;
  readonly modRevision: string;
  readonly value: Buffer;
  /** "0": none. */
  readonly lease: string;
}

export interface RangeRequest {
  readonly key: Buffer;
  readonly rangeEnd?: Buffer | undefined;
  readonly limit?: number;
  readonly revision?: number | undefined;
  readonly countOnly?: boolean;
}

export interface RangeResponse {
  readonly header: ResponseHeader | null;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
}

export interface EtcdCompare {
  readonly result: "EQUAL" | "GREATER" | "NOT_EQUAL";
  readonly target: "CREATE" | "MOD" | "VALUE";
  readonly key: Buffer;
  readonly createRevision?: number;
  readonly modRevision?: number;
  readonly value?: Buffer;
}

export type RequestOp =
  | { readonly requestRange: RangeRequest }
  | {
      readonly requestPut: { readonly key: Buffer; readonly value: Buffer; readonly lease: string };
    }
  | { readonly requestDeleteRange: { readonly key: Buffer } };

export interface TxnRequest {
  readonly compare: readonly EtcdCompare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface TxnResponse {
  readonly header: ResponseHeader | null;
  readonly succeeded: boolean;
  /** Of the branch that was done, in the order of its operations. */
  readonly responses: readonly { readonly responseRange: RangeResponse | null }[];
}

export type WatchRequest =
  | {
      readonly createRequest: {
        readonly key: Buffer;
        readonly rangeEnd: Buffer;
        readonly startRevision: number;
        readonly progressNotify: boolean;
        readonly prevKv: boolean;
        readonly watchId: number;
        readonly fragment: boolean;
      };
    }
  | { readonly cancelRequest: { readonly watchId: number } }
  | { readonly progressRequest: Readonly<Record<string, never>> };

export interface WatchEvent {
  readonly type: "PUT" | "DELETE";
  readonly kv: KeyValue | null;
  readonly prevKv: KeyValue | null;
}

export interface WatchResponse {
  readonly header: ResponseHeader | null;
  readonly watchId: string;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: string;
  readonly cancelReason: string;
  /** More events of the same revisions follow. */
  readonly fragment: boolean;
  readonly events: readonly WatchEvent[];
}

export interface LeaseKeepAliveResponse {
  readonly header: ResponseHeader | null;
  readonly id: string;
  /** "0": there is no such lease. */
  readonly ttlSeconds: string;
}

export interface EtcdMember {
  readonly id: string;
  /** Empty until it has started. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

export interface MembersResponse {
  readonly members: readonly EtcdMember[];
}

export interface MemberAddResponse extends MembersResponse {
  readonly member: EtcdMember | null;
}

export interface StatusResponse {
  readonly header: ResponseHeader | null;
  readonly version: string;
  readonly dbSizeBytes: string;
  readonly leader: string;
  readonly raftIndex: string;
  readonly raftTerm: string;
  readonly raftAppliedIndex: string;
  readonly errors: readonly string[];
  readonly isLearner: boolean;
}
