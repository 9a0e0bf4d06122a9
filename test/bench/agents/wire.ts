/** HTTP by hand over one TLS connection, so that ten thousand simulated agents cost little beside the server. */
import { connect, type SecureContext, type TLSSocket } from "node:tls";

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly context: SecureContext;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A connection that is kept; one request at a time. */
export class Wire {
  readonly #place: Place;
  #socket: TLSSocket | undefined;
  #text = "";
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
    return await new Promise((resolve) => {
      const timer = setTimeout(() => this.close(), timeoutMs);
      this.#waiting = (answer) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(answer);
      };
      socket.write(head + content);
    });
  }

  /** Opens a stream whose content nobody looks at; `onEnd` is called when it is over. */
  async stream(path: string, onEnd: () => void): Promise<void> {
    const socket = await this.open();
    if (socket === undefined) {
      onEnd();
      return;
    }
    socket.removeAllListeners("data");
    socket.on("data", () => undefined);
    socket.once("close", onEnd);
    socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n`);
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
        this.#waiting?.(undefined);
        resolve(undefined);
      });
    });
  }

  #read(chunk: string): void {
    this.#text += chunk;
    const end = this.#text.indexOf("\r\n\r\n");
    if (end < 0) return;
    const head = this.#text.slice(0, end);
    const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    if (this.#text.length < end + 4 + length) return;
    const body = this.#text.slice(end + 4, end + 4 + length);
    this.#text = this.#text.slice(end + 4 + length);
    this.#waiting?.({ status: Number(head.slice(9, 12)), body });
  }

  close(): void {
    this.#socket?.destroy();
  }
}
