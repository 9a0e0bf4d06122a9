/** What the command line needs of its surroundings, so that tests can give it others. */

/** Standard output or standard error. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** Width of the terminal. */
  readonly columns?: number | undefined;
}

/** Where files are looked for when nobody names them. */
export interface Places {
  /** Later ones go before earlier ones. */
  readonly cliConfigFiles: readonly string[];
  readonly serverConfigFile: string;
  readonly agentConfigFile: string;
  readonly balancerConfigFile: string;
  /** Where `login` keeps its token; undefined: the person has no home. */
  readonly userTokenFile: string | undefined;
  /** Read when no token is given and it can be read. */
  readonly adminTokenFile: string;
  /** Where the server of this machine says how it is reached. */
  readonly serverInfoFile: string;
  /** Where the agent of this machine says which servers there are. */
  readonly agentInfoFile: string;
}

/** Bytes that are passed on as they are. */
export interface ByteStreams {
  /** Standard input; undefined: a person sits there. Nothing is read before it is iterated over. */
  input(): AsyncIterable<Uint8Array> | undefined;
  /** Resolves when they are written, rejects when they never will be; only then more may follow. */
  write(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void>;
}

export interface CliIo {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly bytes: ByteStreams;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly places: Places;
  /** Aborts when the person interrupts. */
  readonly signal: AbortSignal;
  /** Asks the person at the terminal; undefined when there is no terminal to ask at. */
  ask(question: string): Promise<string | undefined>;
  /** As `ask`, without showing what is typed; empty when the person gave up. */
  askSecret(question: string): Promise<string | undefined>;
  readStandardInput(): Promise<string>;
  /** Wall clock, for ages. */
  nowMs(): number;
}

/** The places of an installed Holdfast. */
export function defaultPlaces(environment: CliIo["environment"]): Places {
  const { XDG_CONFIG_HOME: configHome, HOME: home } = environment;
  const userFolder = configHome ?? (home === undefined ? undefined : `${home}/.config`);
  return {
    cliConfigFiles: [
      "/etc/holdfast/cli.yaml",
      ...(userFolder === undefined ? [] : [`${userFolder}/holdfast/cli.yaml`]),
    ],
    serverConfigFile: "/etc/holdfast/server.yaml",
    agentConfigFile: "/etc/holdfast/agent.yaml",
    balancerConfigFile: "/etc/holdfast/balancer.yaml",
    userTokenFile: userFolder === undefined ? undefined : `${userFolder}/holdfast/token`,
    adminTokenFile: "/var/lib/holdfast/admin.token",
    serverInfoFile: "/var/lib/holdfast/server.json",
    agentInfoFile: "/var/lib/holdfast-agent/servers.json",
  };
}
