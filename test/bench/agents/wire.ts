/**
 * HTTP by hand over one TLS connection, so that ten thousand simulated agents cost little beside the server: requests
 * one after the other, then, for as long as the connection lives, the stream of instructions with lines of the agent.
 */
import { connect, type SecureContext, type TLSSocket } from "node:tls";
import {
  agentLinesContentType,
  leaseAnswerMessageSchema,
} from "../../../src/wire/agent-protocol.ts";

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly context: SecureContext;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A connection that is kept; one request or line at a time. */
export class Wire {
  readonly #place: Place;
  #socket: TLSSocket | undefined;
  #text = "";
  #isStream = false;
  #waiting: ((answer: Answer | undefined) => void) | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  /** Undefined: there was no answer in time, or the connection broke. */
  async post(path: string, body: unknown, timeoutMs: number): Promise<Answer | undefined> {
    const socket = await this.open();
    if (socket === undefined) return undefined;
    const content = JSON.stringify(body);
    const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(content)}\r\n\r\n`;
    return await this.#sent(socket, head + content, timeoutMs);
  }

  /** Opens the stream; false: there is no connection, or it is open already. From now on it takes lines. */
  async begin(path: string): Promise<boolean> {
    const socket = await this.open();
    if (socket === undefined || this.#isStream) return false;
    this.#isStream = true;
    const head = `POST ${path} HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n`;
    socket.write(
      `${head}content-type: ${agentLinesContentType}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    return true;
  }

  /** Undefined: there was no answer in time, or the stream is over; then the connection is closed. */
  async ask(lease: unknown, timeoutMs: number): Promise<Answer | undefined> {
    const socket = this.#socket;
    if (socket === undefined || !this.#isStream) return undefined;
    const line = `${JSON.stringify({ id: 1, lease })}\n`;
    return await this.#sent(socket, `${line.length.toString(16)}\r\n${line}\r\n`, timeoutMs);
  }

  #sent(socket: TLSSocket, text: string, timeoutMs: number): Promise<Answer | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.close(), timeoutMs);
      this.#waiting = (answer) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(answer);
      };
      socket.write(text);
    });
  }

  async open(): Promise<TLSSocket | undefined> {
    if (this.#socket !== undefined) return this.#socket;
    const { host, port, context } = this.#place;
    const socket = connect({ host, port, secureContext: context, rejectUnauthorized: false });
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => this.#read(String(chunk)));
    socket.on("error", () => undefined); // "close" follows
    return await new Promise((resolve) => {
      socket.once("secureConnect", () => {
        this.#socket = socket;
        resolve(socket);
      });
      socket.on("close", () => {
        if (this.#socket === socket) this.#socket = undefined;
        this.#text = "";
        this.#isStream = false;
        this.#waiting?.(undefined);
        resolve(undefined);
      });
    });
  }

  #read(chunk: string): void {
    this.#text += chunk;
    if (this.#isStream) {
      this.#readMessages();
      return;
    }
    const end = this.#text.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.#text.slice(0, end);
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (this.#text.length < end + 4 + length) return;
    const body = this.#text.slice(end + 4, end + 4 + length);
    this.#text = this.#text.slice(end + 4 + length);
    this.#waiting?.({ status: Number(head.slice(9, 12)), body });
  }

  /** Of all that is said only the answers are looked at, each of which begins with its status. */
  #readMessages(): void {
    const lines = this.#text.split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith('data: {"kind":"lease-answer"')) continue;
      const { status, body } = leaseAnswerMessageSchema.parse(JSON.parse(line.slice(6)));
      this.#waiting?.({ status, body: JSON.stringify(body) });
    }
  }

  close(): void {
    this.#socket?.destroy();
  }
}
