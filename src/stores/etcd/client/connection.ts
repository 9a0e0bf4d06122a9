/**
 * Connections to one member. Calls and streams have one each: etcd before 3.4.25 may starve a watch that shares its TLS
 * connection with large answers. A connection that was lost is not taken up again: the next one is a new object with
 * certificates asked for anew.
 */
import { isIP } from "node:net";
import { checkServerIdentity } from "node:tls";
import {
  type ChannelOptions,
  Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  connectivityState,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { err, ok, type Result } from "../../../core/result.ts";
import type { Clock } from "../../../ports/clock.ts";
import { receiveBytesMax } from "./client-limits.ts";
import type { CallFailure } from "./failure.ts";
import type { Method } from "./methods.ts";
import type { EtcdTls } from "./tls.ts";

export interface ConnectionOptions {
  /** `https://host:port`, or `http://` without TLS. */
  readonly url: string;
  readonly tls: EtcdTls | undefined;
  readonly clock: Clock;
}

export interface CallOptions {
  readonly timeoutMs: number;
  /** `needed` (default): refused by a member that knows of no leader, before it does anything. */
  readonly leader?: "needed" | "not-needed";
  /** `cancel`: no answer is awaited any more once another member is spoken to; for what may be asked there again. */
  readonly onRetire?: "wait" | "cancel";
}

const channelOptions: ChannelOptions = {
  "grpc.max_receive_message_length": receiveBytesMax,
  "grpc.max_send_message_length": -1,
  // What is sent again is decided in one place, by what the failure means: see `attempts.ts`.
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  // A proxy from the environment is for the internet, not for the store.
  "grpc.enable_http_proxy": 0,
  // Otherwise a new connection could be given the old one's sockets, made with old certificates.
  "grpc.use_local_subchannel_pool": 1,
};

const wordsLengthMax = 500;

const leaderNeeded = new Metadata();
leaderNeeded.set("hasleader", "true");
const noMetadata = new Metadata();

export class Connection {
  readonly url: string;
  readonly #clock: Clock;
  readonly #make: () => Client;
  readonly #calls: Client;
  #streams: Client | undefined;
  #wasReady = false;
  #inFlight = 0;
  /** Calls that end when it is retired. */
  readonly #repeatable = new Set<{ cancel(): void }>();
  #state: "open" | "retired" | "closed" = "open";

  /** The certificates have been checked: see `TlsMaterial`. */
  constructor(options: ConnectionOptions) {
    const { url, tls, clock } = options;
    this.url = url;
    this.#clock = clock;
    this.#make = () => clientTo(url, tls);
    this.#calls = this.#make();
    this.#follow(this.#calls, true);
  }

  /** Nothing new should be begun on it. */
  get isRetired(): boolean {
    return this.#state !== "open";
  }

  /** It is up, and can be used. */
  get isReady(): boolean {
    return this.#wasReady && !this.isRetired;
  }

  /** One call; never rejects. */
  call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
  ): Promise<Result<Response, CallFailure>> {
    if (this.#state === "closed") return Promise.resolve(err(closedFailure));
    const { promise, resolve } = Promise.withResolvers<Result<Response, CallFailure>>();
    const { path, serialize, deserialize } = method;
    const metadata = options.leader === "not-needed" ? noMetadata : leaderNeeded;
    this.#inFlight += 1;
    let isLate = false;
    const settled = (error: ServiceError | null, response?: Response): void => {
      cancelTimer();
      this.#repeatable.delete(call);
      this.#inFlight -= 1;
      if (error === null && response !== undefined) resolve(ok(response));
      else resolve(err(this.#failureOf(error, isLate ? options.timeoutMs : undefined)));
      this.#closeWhenIdle();
    };
    const call = this.#calls.makeUnaryRequest(
      path,
      serialize,
      deserialize,
      request,
      metadata,
      settled,
    );
    const cancelTimer = this.#clock.after(options.timeoutMs, () => {
      isLate = true;
      call.cancel();
    });
    if (options.onRetire === "cancel") this.#repeatable.add(call);
    return promise;
  }

  /** A stream in both directions; the caller listens to `data`, `error` and `end`, and cancels it. */
  duplex<Request, Response>(
    method: Method<Request, Response>,
  ): ClientDuplexStream<Request, Response> {
    const { path, serialize, deserialize } = method;
    return this.#streamClient().makeBidiStreamRequest(path, serialize, deserialize, leaderNeeded);
  }

  /** A stream of answers; works without a leader. */
  answers<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
  ): ClientReadableStream<Response> {
    const { path, serialize, deserialize } = method;
    return this.#streamClient().makeServerStreamRequest(path, serialize, deserialize, request);
  }

  /** Begins nothing new; closes when the calls that are under way have ended. */
  retire(): void {
    if (this.#state === "open") this.#state = "retired";
    for (const call of [...this.#repeatable]) call.cancel();
    this.#closeWhenIdle();
  }

  /** Ends everything, at once. Idempotent. */
  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#calls.close();
    this.#streams?.close();
  }

  #streamClient(): Client {
    if (this.#streams === undefined) {
      this.#streams = this.#make();
      this.#follow(this.#streams, false);
    }
    return this.#streams;
  }

  #closeWhenIdle(): void {
    if (this.#state === "retired" && this.#inFlight === 0) this.close();
  }

  /** Notices when it is up, and when it is lost for good. */
  #follow(client: Client, isForCalls: boolean, wasReady = false): void {
    if (this.#state === "closed") return;
    const channel = client.getChannel();
    const now = channel.getConnectivityState(false);
    const isReady = now === connectivityState.READY;
    if (isReady && isForCalls) this.#wasReady = true;
    if (wasReady && !isReady) {
      this.retire();
      return;
    }
    channel.watchConnectivityState(now, Number.POSITIVE_INFINITY, (error) => {
      if (error === undefined) this.#follow(client, isForCalls, wasReady || isReady);
    });
  }

  #failureOf(error: ServiceError | null, lateAfterMs: number | undefined): CallFailure {
    const code = error?.code ?? status.UNKNOWN;
    const words = oneLine(error?.details ?? "there was no answer");
    const wasSent = this.#wasReady && !words.startsWith("No connection established");
    if (lateAfterMs === undefined) {
      return { code, details: wasSent ? words : `${this.url}: ${words}`, wasSent };
    }
    const what = wasSent ? "no answer" : "no connection";
    const details = `${this.url}: ${what} within ${Math.round(lateAfterMs)} ms`;
    return { code: status.DEADLINE_EXCEEDED, details, wasSent };
  }
}

const closedFailure: CallFailure = {
  code: status.CANCELLED,
  details: "the connection is closed",
  wasSent: false,
};

/** OpenSSL's words may have several. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, wordsLengthMax);
}

function targetOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  const usualPort = protocol === "https:" ? "443" : "80";
  return `dns:${hostname}:${port === "" ? usualPort : port}`;
}

function clientTo(url: string, tls: EtcdTls | undefined): Client {
  const target = targetOf(url);
  if (!url.startsWith("https:") || tls === undefined) {
    return new Client(target, credentials.createInsecure(), channelOptions);
  }
  const [ca, key, certificate] = [tls.caPem, tls.keyPem, tls.certificatePem].map((pem) =>
    Buffer.from(pem),
  );
  const address = new URL(url).hostname.replace(/^\[(.*)\]$/, "$1");
  if (isIP(address) === 0) {
    const secure = credentials.createSsl(ca, key, certificate);
    return new Client(target, secure, channelOptions);
  }
  // TLS knows no server's name that is an address; the certificate is checked for the address all the same.
  const secure = credentials.createSsl(ca, key, certificate, {
    checkServerIdentity: (_name, shown) => checkServerIdentity(address, shown),
  });
  return new Client(target, secure, {
    ...channelOptions,
    "grpc.ssl_target_name_override": "etcd.invalid",
  });
}
