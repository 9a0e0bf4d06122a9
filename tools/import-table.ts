/**
 * Which folder may import which: the import table of ARCHITECTURE.md as data. The narrowest folder that holds a
 * file counts. Type-only imports are imports too: they bind two folders just as much.
 */

export interface ImportRule {
  /** Folders or files below src/ that this folder may import, besides itself. */
  readonly folders: readonly string[];
  /** Whether Node.js modules may be imported. */
  readonly node: "allowed" | "forbidden";
  /** Packages from the registry that may be imported. */
  readonly packages: readonly string[];
  /** Said when the rule is broken: what the rule is for. */
  readonly because: string;
}

const adapterReason =
  "an adapter knows its port and the one real thing behind it, never another adapter; main.ts brings them together";
const storeReason =
  "a store knows the contract and its own engine, never another store; what two stores share is in stores/shared";
const adapterFolders = ["ports", "core", "wire"];

/** By folder below src/; a file's rule is that of the longest name here that is a prefix of its path. */
export const importTable: ReadonlyMap<string, ImportRule> = new Map([
  [
    "core",
    {
      folders: [],
      node: "forbidden",
      packages: [],
      because: "the core is pure, so that the simulator runs exactly what production runs",
    },
  ],
  [
    "ports",
    {
      folders: ["core"],
      node: "forbidden",
      packages: [],
      because:
        "a port is a contract: interfaces in the core's words, and nothing that does anything",
    },
  ],
  [
    "wire",
    {
      folders: ["core"],
      node: "forbidden",
      packages: ["zod"],
      because:
        "schemas are shared by server, agent, clients and browsers and must run in all of them",
    },
  ],
  [
    "stores/shared",
    { folders: ["ports", "core"], node: "forbidden", packages: [], because: storeReason },
  ],
  [
    "stores/memory",
    {
      folders: ["ports", "core", "wire", "stores/shared"],
      node: "forbidden",
      packages: [],
      because: storeReason,
    },
  ],
  [
    "stores/sqlite",
    {
      folders: ["ports", "core", "wire", "stores/shared"],
      node: "allowed",
      packages: [],
      because: storeReason,
    },
  ],
  [
    "adapters/certificates",
    {
      folders: ["ports", "core"],
      node: "allowed",
      packages: ["@peculiar/x509", "reflect-metadata"],
      because: adapterReason,
    },
  ],
  [
    "stores/etcd",
    {
      folders: ["ports", "core", "wire", "stores/shared"],
      node: "allowed",
      packages: ["@grpc/grpc-js", "@grpc/proto-loader", "zod"],
      because: storeReason,
    },
  ],
  ["adapters/clock", { folders: ["ports"], node: "allowed", packages: [], because: adapterReason }],
  [
    "adapters/host",
    { folders: ["ports", "core"], node: "allowed", packages: [], because: adapterReason },
  ],
  [
    "adapters/log",
    { folders: ["ports"], node: "allowed", packages: ["pino", "zod"], because: adapterReason },
  ],
  [
    "adapters/watchdogs",
    { folders: adapterFolders, node: "allowed", packages: [], because: adapterReason },
  ],
  [
    "adapters/workloads/process",
    { folders: adapterFolders, node: "allowed", packages: [], because: adapterReason },
  ],
  [
    "adapters/etcd",
    { folders: adapterFolders, node: "allowed", packages: [], because: adapterReason },
  ],
  [
    "backup",
    {
      folders: ["core", "ports", "wire"],
      node: "allowed",
      packages: ["zod"],
      because:
        "a backup is read and written by servers, by the command line and where nothing runs: it knows a store's port only",
    },
  ],
  [
    "adapters/address",
    { folders: ["ports", "core"], node: "allowed", packages: [], because: adapterReason },
  ],
  [
    "adapters/hooks",
    { folders: ["ports", "core"], node: "allowed", packages: [], because: adapterReason },
  ],
  [
    "address-guard",
    {
      folders: ["adapters/address", "agent/guard", "core", "ports"],
      node: "allowed",
      packages: [],
      because:
        "the guard of an address must be small and share nothing with the server that feeds it",
    },
  ],
  [
    "setup",
    {
      folders: [
        ...["adapters/address", "adapters/hooks"],
        "backup",
        ...["adapters/certificates", "adapters/etcd", "stores/etcd", "stores/sqlite"],
        ...["core", "launcher", "packages", "ports", "runtime", "server", "wire"],
      ],
      node: "allowed",
      packages: ["zod"],
      because:
        "what makes a machine a server or a node brings real parts together, as main.ts does, and speaks to no person",
    },
  ],
  [
    "roles",
    {
      folders: [
        "backup",
        ...["adapters/address", "adapters/certificates", "adapters/clock", "adapters/log"],
        ...["agent", "cli", "client", "compat", "core", "launcher"],
        ...["ports", "runtime", "server", "setup", "wire"],
      ],
      node: "allowed",
      packages: [],
      because:
        "commands that need real parts are a piece of main.ts, loaded when they are asked for",
    },
  ],
  [
    "runtime",
    {
      folders: ["core", "ports", "wire"],
      node: "forbidden",
      packages: [],
      because:
        "a runtime drives a core machine over ports; what is behind them is picked in main.ts",
    },
  ],
  [
    "server",
    {
      folders: ["backup", "core", "runtime", "ports", "wire"],
      node: "allowed",
      packages: ["fastify", "@fastify/swagger", "fastify-type-provider-zod", "zod"],
      because: "stores and adapters are handed in by main.ts",
    },
  ],
  [
    "compat",
    {
      folders: ["core", "ports", "runtime", "server", "wire"],
      node: "allowed",
      packages: ["fastify", "zod"],
      because:
        "a facade speaks another system's language to the server's own changes; the server knows nothing of it",
    },
  ],
  [
    "agent",
    {
      folders: ["agent/guard", "core", "launcher", "packages", "runtime", "ports", "wire"],
      node: "allowed",
      packages: ["zod"],
      because: "drivers and watchdogs are handed in by main.ts",
    },
  ],
  [
    "launcher",
    {
      folders: ["agent/guard", "core", "ports"],
      node: "allowed",
      packages: [],
      because:
        "the launcher stays behind while versions of agent and server come and go: it is small and has no libraries",
    },
  ],
  [
    "packages",
    {
      folders: ["core", "launcher", "wire"],
      node: "allowed",
      packages: [],
      because:
        "agents and servers unpack packages of Holdfast in the same way, wherever they come from",
    },
  ],
  [
    "agent/guard",
    {
      folders: ["core", "ports"],
      node: "allowed",
      packages: [],
      because:
        "the guard must be small and outlive everything: it has no libraries and shares little code",
    },
  ],
  [
    "balancer",
    {
      folders: ["balancer/config", "client", "core", "ports", "wire"],
      node: "allowed",
      packages: ["zod"],
      because:
        "the balancer stands before the servers and knows no more of them than a client does",
    },
  ],
  [
    "balancer/config",
    {
      folders: ["core"],
      node: "forbidden",
      packages: [],
      because: "a configuration is made from the list of servers alone, by the command line too",
    },
  ],
  [
    "client",
    {
      folders: ["wire"],
      node: "allowed",
      packages: ["zod"],
      because: "a client knows the API's schemas and nothing of how they are served",
    },
  ],
  [
    "sim",
    {
      folders: ["core", "ports", "runtime", "wire"],
      node: "forbidden",
      packages: ["yaml", "zod"],
      because:
        "the simulator drives the production core and runtime without any real part, and runs in browsers too",
    },
  ],
  [
    "cli",
    {
      folders: ["backup", "balancer/config", "client", "sim", "wire", "core"],
      node: "allowed",
      packages: ["commander", "yaml", "zod"],
      because:
        "the command line is a client like any other; what it starts is handed in by main.ts",
    },
  ],
  [
    "demo",
    {
      folders: ["client", "wire", "core"],
      node: "allowed",
      packages: ["zod"],
      because: "the demo uses Holdfast from outside, as a person would",
    },
  ],
]);

/** The only files that pick real parts: they may import everything, and nobody imports them. */
export const compositionRoots: readonly string[] = [
  "main.ts",
  "agent/guard/main.ts",
  "address-guard/main.ts",
  "launcher/main.ts",
];
