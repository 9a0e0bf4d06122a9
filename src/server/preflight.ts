/** What a server needs of its machine, looked at before anything is made there. */
import { once } from "node:events";
import { createServer } from "node:net";
import { sentenceOfSystemError } from "../core/explain/system-error.ts";
import { err, ok, type Result } from "../core/result.ts";
import { prepareDirectory } from "./files.ts";

/** Where a server is to listen, and where its data is to be. */
export interface ServerPlace {
  readonly dataDirectory: string;
  readonly listen: { readonly host: string; readonly port: number };
}

/** What stands against the place, and what a person can do about it. */
export interface PlaceFault {
  readonly what: string;
  readonly hint: string;
}

/** The address first: a server that cannot listen leaves nothing behind. Then the data directory, which is made. */
export async function checkPlace(place: ServerPlace): Promise<Result<void, PlaceFault>> {
  const { host, port } = place.listen;
  const free = await tryAddress(host, port);
  if (!free.ok) {
    const what = `cannot listen on ${host} port ${port}: ${free.error}`;
    return err({ what, hint: "choose another address with --listen" });
  }
  const directory = await prepareDirectory(place.dataDirectory);
  if (directory.ok) return ok(undefined);
  return err({ what: directory.error, hint: "choose a folder of yours with --data" });
}

/** Listens there for a moment. The error says why that cannot be done. */
export async function tryAddress(host: string, port: number): Promise<Result<void, string>> {
  const probe = createServer();
  try {
    const listening = once(probe, "listening");
    probe.listen({ host, port, exclusive: true });
    await listening;
    const closed = once(probe, "close");
    probe.close();
    await closed;
    return ok(undefined);
  } catch (error: unknown) {
    return err(sentenceOfSystemError(error));
  }
}
