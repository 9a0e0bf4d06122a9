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
  /** Read when no token is given and it can be read. */
  readonly adminTokenFile: string;
  /** Where the server of this machine says how it is reached. */
  readonly serverInfoFile: string;
}

export interface CliIo {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly places: Places;
  /** Aborts when the person interrupts. */
  readonly signal: AbortSignal;
  /** Asks the person at the terminal; undefined when there is no terminal to ask at. */
  ask(question: string): Promise<string | undefined>;
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
    adminTokenFile: "/var/lib/holdfast/admin.token",
    serverInfoFile: "/var/lib/holdfast/server.json",
  };
}
