/** How a server asks another server: HTTP with its certificate, or with its proof where there are no certificates. */
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { PeerCertificate } from "node:tls";
import { sentenceOfSystemError } from "../../core/explain/system-error.ts";
import { holderOfUris } from "../../core/model/certificate-holder.ts";
import { err, ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import { urisOf } from "../access/certificate-uris.ts";
import type { TlsCredentials } from "../http/app.ts";
import type { Peer, PeerAnswer, PeerClient, PeerRequest } from "./peer-client.ts";

/** Longest answer that is read into memory, in characters. */
const answerLengthMax = 1_048_576;

export interface PeerClientOptions {
  readonly clock: Clock;
  /** Read for each connection, as certificates change; undefined where there are none. */
  readonly tls: () => TlsCredentials | undefined;
  /** The header that shows who this server is, where there are no certificates. */
  readonly proof: string;
}

/** A client without connections of its own: each request makes one. */
export function createPeerClient(options: PeerClientOptions): PeerClient {
  const open: PeerClient["open"] = async (peer, request) => {
    const opened = await begin(options, peer, request);
    return opened.ok ? opened : err(`server ${peer.id} (${peer.url}): ${opened.error}`);
  };
  return {
    open,
    read: async (peer, request) => {
      const opened = await open(peer, request);
      if (!opened.ok) return opened;
      const { body: stream } = opened.value;
      const cancel = options.clock.after(request.withinMs, () => {
        stream.destroy(new Error("its answer did not arrive in time"));
      });
      const body = await readJson(stream);
      cancel();
      return body.ok ? body : err(`server ${peer.id} (${peer.url}): ${body.error}`);
    },
  };
}

function begin(
  { clock, tls, proof }: PeerClientOptions,
  peer: Peer,
  { path, headers = {}, signal, withinMs }: PeerRequest,
): Promise<Result<PeerAnswer, string>> {
  const { promise, resolve } = Promise.withResolvers<Result<PeerAnswer, string>>();
  const url = new URL(path, peer.url);
  const outgoing =
    url.protocol === "https:"
      ? requestHttps(url, { headers, agent: false, signal, ...tlsOptions(peer, tls) })
      : requestHttp(url, { headers: { ...headers, authorization: proof }, agent: false, signal });
  const cancel = clock.after(withinMs, () => {
    outgoing.destroy(new Error(`no answer within ${withinMs / 1_000} s`));
  });
  outgoing.on("error", (error) => {
    cancel();
    resolve(err(sentenceOfSystemError(error)));
  });
  outgoing.once("response", (body) => {
    cancel();
    const { statusCode: status = 0 } = body;
    if (status < 300) {
      resolve(ok({ status, body }));
      return;
    }
    void readJson(body).then((problem) => {
      resolve(err(`it answers with status ${status}${detailOf(problem)}`));
    });
  });
  outgoing.end();
  return promise;
}

function tlsOptions(peer: Peer, tls: PeerClientOptions["tls"]): object {
  const credentials = tls();
  if (credentials === undefined) return {};
  const { authorityPem: ca, certificatePem: cert, keyPem: key } = credentials;
  return {
    ca,
    cert,
    key,
    // Addresses change, ids do not: the certificate must be that of the server that is meant.
    checkServerIdentity: (_host: string, shown: PeerCertificate) => {
      const holder = holderOfUris(urisOf(shown.subjectaltname ?? ""));
      const isMeant =
        holder.ok && holder.value.kind === "server" && holder.value.serverId === peer.id;
      return isMeant ? undefined : new Error(`its certificate is not that of server ${peer.id}`);
    },
  };
}

async function readJson(body: IncomingMessage): Promise<Result<unknown, string>> {
  let text = "";
  try {
    for await (const piece of body.setEncoding("utf8")) {
      text += String(piece);
      if (text.length > answerLengthMax) return err("its answer is too large");
    }
    return ok(JSON.parse(text));
  } catch (error: unknown) {
    if (error instanceof SyntaxError) return err("its answer is no JSON");
    return err(sentenceOfSystemError(error));
  }
}

function detailOf(problem: Result<unknown, string>): string {
  if (!problem.ok || typeof problem.value !== "object" || problem.value === null) return "";
  return "detail" in problem.value ? `: ${String(problem.value.detail)}` : "";
}
