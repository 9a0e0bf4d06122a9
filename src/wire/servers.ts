/**
 * The servers of the control plane: what is stored of them, and what a person sees of each. A server's id is a
 * small number from a counter that never goes back, so that no id is ever used again.
 */
import * as z from "zod";

const version = { version: z.literal(1) };

/** A server's id: a decimal number as text. */
export const serverIdSchema: z.ZodString = z.string().regex(/^[1-9]\d{0,8}$/, "is no server's id");

/** Base address of a server's API. */
const serverUrlSchema = z.url({ protocol: /^https?$/ });

/** `servers/<id>`: written when a server has come in, and by the server itself at each start. */
export const serverRecordSchema = z.object({
  ...version,
  id: z.string(),
  /** For people; unique among the servers. */
  name: z.string(),
  /** Where others reach its API. */
  url: serverUrlSchema,
  /** Its member of the replicated store, where it has one of its own. */
  member: z.object({ id: z.string(), peerUrl: z.string(), clientUrl: z.string() }).optional(),
  serverVersion: z.string(),
  /** The node on the same machine, where there is one. */
  node: z.string().optional(),
  /** Of its certificates for the API and for the store, the latest last: they are revoked when it is removed. */
  serials: z.array(z.string()).default([]),
  etcdSerials: z.array(z.string()).default([]),
  registeredAtMs: z.number(),
});
export type ServerRecord = z.output<typeof serverRecordSchema>;

/** `server-counter`: the highest id that was ever given. */
export const serverCounterRecordSchema = z.object({ ...version, lastId: z.int().min(0) });

/** `joins/<id>`: a server on its way in; hangs on a lease, so that one that died on the way leaves nothing behind. */
export const joinRecordSchema = z.object({
  ...version,
  id: z.string(),
  name: z.string(),
  peerUrl: z.string(),
  /** Where its API will be. */
  url: serverUrlSchema.optional(),
  sinceMs: z.number(),
});
export type JoinRecord = z.output<typeof joinRecordSchema>;

/** `server-leases/<id>`: hangs on a lease that the server renews; while the key is there the server lives. */
export const serverLeaseRecordSchema = z.object({
  ...version,
  id: z.string(),
  /** Of the program that lives. */
  serverVersion: z.string().optional(),
});
export type ServerLeaseRecord = z.output<typeof serverLeaseRecordSchema>;

/** `lost-servers/<id>`: the manager's word that nothing is heard of the server, since when, and why it is kept. */
export const lostServerRecordSchema = z.object({
  ...version,
  id: z.string(),
  sinceMs: z.number(),
  /** Why it is not purged although its time is over. */
  because: z.string().optional(),
});
export type LostServerRecord = z.output<typeof lostServerRecordSchema>;

/** `server-removals/<id>`: the server is to be taken out; the manager does it, one after the other. */
export const serverRemovalRecordSchema = z.object({
  ...version,
  id: z.string(),
  /** `purge`: only while it is lost. `person`: lost or not. */
  kind: z.enum(["purge", "person"]),
  by: z.string(),
  atMs: z.number(),
});
export type ServerRemovalRecord = z.output<typeof serverRemovalRecordSchema>;

/** `removed-servers/<id>`: one that was purged or removed; it is turned away when it comes back. */
export const removedServerRecordSchema = z.object({
  ...version,
  id: z.string(),
  name: z.string(),
  because: z.string(),
  atMs: z.number(),
});
export type RemovedServerRecord = z.output<typeof removedServerRecordSchema>;

/** `revocations/<serial>`: a certificate that counts no longer, although it is signed and in time. */
export const revocationRecordSchema = z.object({
  ...version,
  serial: z.string(),
  authority: z.enum(["cluster", "etcd"]),
  holder: z.string(),
  because: z.string(),
  atMs: z.number(),
});
export type RevocationRecord = z.output<typeof revocationRecordSchema>;

/**
 * `peer-proofs/<id>`: hash of a secret that a server without certificates made when it started and keeps in its memory
 * only. Whoever knows the secret is the process that wrote the record.
 */
export const peerProofRecordSchema = z.object({ ...version, sha256: z.string() });
export type PeerProofRecord = z.output<typeof peerProofRecordSchema>;

/** `HOST:PORT` of a load balancer. */
export const hostAndPortSchema: z.ZodString = z
  .string()
  .max(300)
  .regex(
    /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):\d{1,5}$/,
    "write HOST:PORT",
  );

/** `control-plane`: what all servers have in common. */
export const controlPlaneRecordSchema = z.object({
  ...version,
  /** In front of the servers; a name or address that their certificates hold too. */
  loadBalancer: hostAndPortSchema.optional(),
  /** Nodes on the machines of servers have the taint `control-plane` from the start. */
  isolate: z.boolean().default(false),
});
export type ControlPlaneRecord = z.output<typeof controlPlaneRecordSchema>;

/** `solo`: the embedded store. `error`: it does not answer. */
export const memberRoles = ["solo", "leader", "follower", "learner", "error"] as const;

/** `lost`: the launcher has died, and the next one that is started takes over. `none`: there never was one. */
export const launcherStates = ["alive", "lost", "none"] as const;

/** What an upgrade asks of a server's machine. */
const serverMachineSchema = z.object({
  /** By its own wall clock, when it said so. */
  wallMs: z.number(),
  /** For its data directory; absent: that cannot be told. */
  diskFreeBytes: z.number().optional(),
  /** Until when its certificate is in time; absent: it has none. */
  certificateUntilMs: z.number().optional(),
  /** Whether a launcher looks after it, which alone can start another version; absent: it does not say. */
  launcher: z.enum(launcherStates).optional(),
  /** Size of its store on its disk; absent: that cannot be told. */
  storeBytes: z.number().optional(),
});

/** `GET /v1/server`: what a server says of itself; it needs no leader. */
export const ownStatusSchema = z.object({
  id: z.string(),
  name: z.string(),
  version: z.string(),
  role: z.enum(memberRoles),
  /** Whether it decides; of several servers one does. */
  isManager: z.boolean(),
  term: z.int().optional(),
  /** Last entry of its log. */
  index: z.int().optional(),
  /** Last entry that it has carried out. */
  applied: z.int().optional(),
  health: z.enum(["ok", "cut-off"]),
  /** Why it is not well, for a person. */
  because: z.string().optional(),
  /** How its last hook ended, and where it has the floating address, for a person. */
  office: z.string().optional(),
  /** Of the cluster's settings as it knows them; 0: nobody has ever changed them. */
  settingsRevision: z.int().optional(),
  machine: serverMachineSchema.optional(),
});
export type OwnStatus = z.output<typeof ownStatusSchema>;

/** One line of `holdfast server list`. */
export const serverResourceSchema = z.object({
  id: z.string(),
  name: z.string(),
  url: z.string(),
  role: z.enum(memberRoles),
  isManager: z.boolean(),
  term: z.int().optional(),
  index: z.int().optional(),
  applied: z.int().optional(),
  /** Entries of the log that it is behind the foremost. */
  behind: z.int().optional(),
  version: z.string().optional(),
  office: z.string().optional(),
  settingsRevision: z.int().optional(),
  machine: serverMachineSchema.optional(),
  /**
   * By how many ms its clock is ahead of that of the server that was asked, at least: what its answer may have taken is off
   * already. Negative: behind. Absent: it did not say.
   */
  clockOffMs: z.number().optional(),
  /** One that was taken out is in no list any more. */
  health: z.enum(["ok", "cut-off", "starting", "unreachable"]),
  because: z.string().optional(),
});
export type ServerResource = z.output<typeof serverResourceSchema>;

/** `GET /v1/peers/reach`: servers that the one that is asked tries to reach at the moment, in vain. */
export const serverReachSchema = z.object({ unreached: z.array(z.string()) });
export type ServerReachAnswer = z.output<typeof serverReachSchema>;

/** `GET /v1/servers` */
export const serverListSchema = z.object({
  items: z.array(serverResourceSchema),
  /** Whether they are all the same; absent where a server of an earlier version answers. */
  alike: z
    .object({
      versions: z.boolean(),
      configuration: z.boolean(),
      /** Both for a person: who differs in what. */
      sentences: z.array(z.string()),
    })
    .optional(),
});

/** `GET` and `PUT /v1/load-balancer` */
export const loadBalancerSchema = z.strictObject({ loadBalancer: hostAndPortSchema.nullable() });

/** `PUT /v1/isolation` */
export const isolationRequestSchema = z.strictObject({ wish: z.enum(["on", "off"]) });
/** `GET` and `PUT /v1/isolation`: the rule for machines that join, and the nodes on servers' machines of now. */
export const isolationAnswerSchema = z.object({
  isolate: z.boolean(),
  nodes: z.array(z.string()),
});

/** `POST` and `GET /v1/move-to-etcd` */
export const moveStatusSchema = z.object({
  state: z.enum(["not-begun", "going-on", "done", "failed"]),
  /** What it does now, or why it failed, for a person. */
  detail: z.string(),
});
export type MoveStatus = z.output<typeof moveStatusSchema>;
