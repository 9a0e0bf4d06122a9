/**
 * The guard's last word: "nothing of epoch E runs here any more", said to any server that takes it, so that
 * recovery need not wait for the lease. HTTP over a socket, because a guard has to stay small; the code for encryption is
 * loaded only here, after the kill.
 */
import { connect, type Socket } from "node:net";
import type { GuardTls } from "./protocol.ts";

export interface LastWord {
  readonly servers: readonly string[];
  readonly token: string | undefined;
  readonly tls: GuardTls | undefined;
  readonly epoch: number;
  readonly leaseId: string;
}

const roundCountMax = 20;
const pauseMs = 250;
const requestTimeoutMs = 1_000;
/** More than a status line and some headers is not read. */
const answerBytesMax = 4_096;

/** Says it to all servers at once, again and again, until one gave a definite answer or it was tried often enough. */
export async function sayLastWord(word: LastWord): Promise<"heard" | "unheard"> {
  for (let round = 0; round < roundCountMax; round += 1) {
    const answers = await Promise.all(word.servers.map((server) => post(server, word)));
    if (answers.some((status) => status >= 200 && status < 500)) return "heard";
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return "unheard";
}

/** HTTP status, or 0 when there was none. */
function post(server: string, word: LastWord): Promise<number> {
  const url = URL.parse(server);
  if (url === null) return Promise.resolve(0);
  const body = JSON.stringify({ epoch: word.epoch, leaseId: word.leaseId });
  const head = [
    "POST /v1/agent/release HTTP/1.1",
    `Host: ${url.host}`,
    ...(word.token === undefined ? [] : [`Authorization: Bearer ${word.token}`]),
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  return exchange(url, `${head.join("\r\n")}\r\n\r\n${body}`, word.tls);
}

/** Opens the connection; `ready` is called when it may be written to. */
function open(url: URL, tls: GuardTls | undefined, ready: () => void): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (url.protocol !== "https:" || tls === undefined) {
    return connect({ host, port: url.port === "" ? 80 : Number(url.port) }, ready);
  }
  const { connect: connectSecurely } = process.getBuiltinModule("node:tls");
  const { authorityPem: ca, certificatePem: cert, keyPem: key } = tls;
  const port = url.port === "" ? 443 : Number(url.port);
  return connectSecurely({ host, port, ca, cert, key }, ready);
}

function exchange(url: URL, request: string, tls: GuardTls | undefined): Promise<number> {
  return new Promise((resolve) => {
    const socket = open(url, tls, () => socket.write(request));
    let answer = "";
    const finish = (): void => {
      socket.destroy();
      const match = /^HTTP\/1\.[01] (\d{3}) /.exec(answer);
      resolve(match === null ? 0 : Number(match[1]));
    };
    const timer = setTimeout(finish, requestTimeoutMs);
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      answer += chunk;
      if (answer.includes("\r\n") || answer.length > answerBytesMax) finish();
    });
    socket.on("error", finish);
    socket.on("close", () => {
      clearTimeout(timer);
      finish();
    });
  });
}
