/** Clients that come through a balancer as strangers would: a connection each, TLS checked end to end. */
import { request } from "node:https";

export interface Caller {
  readonly port: number;
  readonly ca: string;
  /** The client's own certificate. */
  readonly cert?: string;
  readonly key?: string;
}

export interface Reached {
  readonly name: string;
  /** Whom the server takes the client for. */
  readonly peer: string;
}

/** Which server one new connection reaches. Rejects when it reaches none within six seconds. */
export function callOnce(caller: Caller): Promise<Reached> {
  const { promise, resolve, reject } = Promise.withResolvers<Reached>();
  const call = request({ host: "127.0.0.1", path: "/", agent: false, ...caller }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => {
      text += chunk;
    });
    response.on("end", () => resolve(JSON.parse(text) as Reached)); // what the small server writes
    response.on("error", reject);
  });
  call.setTimeout(6_000, () => call.destroy(new Error("no answer within 6 s")));
  call.on("error", reject);
  call.end();
  return promise;
}

/** Who answered each of so many connections that came all at once; `nobody` where none did. */
export function callMany(caller: Caller, count: number): Promise<readonly string[]> {
  return Promise.all(
    Array.from({ length: count }, () =>
      callOnce(caller).then(
        ({ name }) => name,
        () => "nobody",
      ),
    ),
  );
}

export interface OpenStream {
  readonly ticks: () => number;
  /** Resolves when the stream is over, however it ended. */
  readonly ended: Promise<void>;
  close(): void;
}

/** A stream that goes on until somebody ends it. */
export function openStream(caller: Caller): Promise<OpenStream> {
  const { promise, resolve, reject } = Promise.withResolvers<OpenStream>();
  const ended = Promise.withResolvers<void>();
  let ticks = 0;
  const call = request(
    { host: "127.0.0.1", path: "/stream", agent: false, ...caller },
    (response) => {
      response.on("data", () => {
        ticks += 1;
      });
      response.on("error", () => undefined); // `ended` follows
      response.on("close", () => ended.resolve());
      resolve({ ticks: () => ticks, ended: ended.promise, close: () => call.destroy() });
    },
  );
  call.on("error", (error) => {
    reject(error);
    ended.resolve();
  });
  call.end();
  return promise;
}
