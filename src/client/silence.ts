/** Finds out whether a server that owes an answer is there still: a host that lost its power ends no connection. */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

/** An answer is awaited for so long before anybody wonders, in milliseconds; and again after each sign of life. */
const silenceMsMax = 2_000;
/** A server that is there says within this that it lives. */
const answerMsMax = 2_000;

export interface WatchedServer {
  /** Any address of the server. */
  readonly url: URL;
  /** PEM of the authority of its certificate; undefined: the system's. */
  readonly authorityPem: string | undefined;
}

/**
 * Calls `onGone` once when the server does not say any more that it lives. One that works on an answer for long is not
 * taken for gone. The function that it returns ends the watch.
 */
export function watchSilence({ url, authorityPem }: WatchedServer, onGone: () => void): () => void {
  let isOver = false;
  let endProbe = (): void => {};
  let timer = setTimeout(probe, silenceMsMax);

  function probe(): void {
    const asked = (url.protocol === "https:" ? requestHttps : requestHttp)(new URL("/livez", url), {
      agent: false,
      timeout: answerMsMax,
      ...(authorityPem === undefined ? {} : { ca: authorityPem }),
    });
    endProbe = () => asked.destroy();
    asked.once("timeout", () => asked.destroy(new Error("no answer")));
    asked.once("response", (response) => {
      response.destroy();
      if (!isOver) timer = setTimeout(probe, silenceMsMax);
    });
    asked.on("error", () => {
      if (isOver) return;
      isOver = true;
      onGone();
    });
    asked.end();
  }

  return () => {
    isOver = true;
    clearTimeout(timer);
    endProbe();
  };
}
