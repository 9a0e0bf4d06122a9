/**
 * Tells the command line on the same machine where the servers are. What an initialised server has told stays when it
 * ends: the others are there, and the list of servers is wanted most when one of them is down.
 */
import { resolve } from "node:path";
import type { Log } from "../ports/log.ts";
import { isAboutServers, serverUrls } from "./control-plane/server-urls.ts";
import { removeServerInfo, type ServerInfo, writeServerInfo } from "./files.ts";
import type { ClusterView } from "./view/cluster-view.ts";

export interface TellPlaceOptions {
  readonly dataDirectory: string;
  /** Of this server. */
  readonly url: string;
  readonly view: Pick<ClusterView, "tables" | "listen">;
  readonly log: Log;
  /** It has an authority, and knows the other servers. */
  readonly isInitialised: boolean;
}

export interface ToldPlace {
  /** Resolves once the file is there; what hinders it is in the log. */
  readonly told: Promise<void>;
  /** Stops following the list. */
  end(): Promise<void>;
}

/** Writes the file, and writes it anew when servers join or leave. */
export function tellPlace(options: TellPlaceOptions): ToldPlace {
  const { dataDirectory, view, log } = options;
  let said = "";
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const info = infoOf(options);
    const text = JSON.stringify(info);
    if (text === said) return;
    const written = await writeServerInfo(dataDirectory, info);
    if (written.ok) said = text;
    else log.write("warn", written.error);
  }

  function tell(): Promise<void> {
    writing = writing.then(write);
    return writing;
  }

  const told = tell();
  const unlisten = options.isInitialised
    ? view.listen({
        changed({ changedKeys }) {
          if (changedKeys.some(isAboutServers)) void tell();
        },
        reset: () => void tell(),
      })
    : () => undefined;
  return {
    told,
    async end() {
      unlisten();
      await writing;
      if (!options.isInitialised) await removeServerInfo(dataDirectory);
    },
  };
}

function infoOf({ dataDirectory, url, view, isInitialised }: TellPlaceOptions): ServerInfo {
  const own = { url, pid: process.pid };
  if (!isInitialised) return own;
  const authorityFile = resolve(dataDirectory, "pki/ca.crt");
  return { ...own, servers: serverUrls({ view }), authorityFile };
}
