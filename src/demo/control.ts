/**
 * How `holdfast demo power-off node1` in a second terminal reaches the demo in the first: a socket in the demo's
 * own directory (mode 0700), one line of request, one line of answer.
 */
import { readdirSync, statSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a demo's directory is called, below the system's directory for temporary files. */
export const directoryPrefix = "holdfast-demo-";
const socketName = "control.sock";
const requestBytesMax = 1_000;
const answerWithinMs = 30_000;

/** An order to the running demo. */
export interface PowerOrder {
  readonly power: "on" | "off";
  readonly node: string;
}

export type ControlAnswer =
  | { readonly kind: "done"; readonly sentence: string }
  | { readonly kind: "failed"; readonly sentence: string };

/** Listens until the returned function is called. `carryOut` answers with one sentence. */
export async function listenForOrders(
  directory: string,
  carryOut: (order: PowerOrder) => Promise<ControlAnswer>,
): Promise<() => void> {
  const server = createServer((socket) => answerOne(socket, carryOut));
  await listening(server, join(directory, socketName));
  return () => server.close();
}

/** Gives an order to the one demo that runs on this machine for this user. */
export async function giveOrder(order: PowerOrder): Promise<ControlAnswer> {
  for (const path of socketsOfUser()) {
    const answer = await ask(path, order);
    if (answer !== undefined) return answer;
  }
  return { kind: "failed", sentence: "no demo is running here; start one with: npm start" };
}

function listening(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(path, resolve);
  return promise;
}

function answerOne(socket: Socket, carryOut: (order: PowerOrder) => Promise<ControlAnswer>): void {
  socket.on("error", () => socket.destroy());
  socket.setTimeout(answerWithinMs, () => socket.destroy());
  let received = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    received += text;
    if (received.length > requestBytesMax) socket.destroy();
    if (!received.endsWith("\n")) return;
    const order = parseOrder(received.trim());
    const answer =
      order === undefined
        ? Promise.resolve<ControlAnswer>({ kind: "failed", sentence: "not an order" })
        : carryOut(order);
    void answer.then(({ kind, sentence }) => socket.end(`${kind} ${sentence}\n`));
  });
}

function parseOrder(line: string): PowerOrder | undefined {
  const [power, node] = line.split(" ");
  return (power === "on" || power === "off") && node !== undefined ? { power, node } : undefined;
}

/** Newest first. */
function socketsOfUser(): readonly string[] {
  const own = process.getuid?.();
  const found: { path: string; madeAtMs: number }[] = [];
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(directoryPrefix)) continue;
    const status = statSync(join(tmpdir(), name), { throwIfNoEntry: false });
    if (status === undefined || (own !== 0 && status.uid !== own)) continue;
    found.push({ path: join(tmpdir(), name, socketName), madeAtMs: status.birthtimeMs });
  }
  return found.sort((a, b) => b.madeAtMs - a.madeAtMs).map(({ path }) => path);
}

/** Undefined: nobody listens there any more. */
async function ask(path: string, order: PowerOrder): Promise<ControlAnswer | undefined> {
  const socket = createConnection(path);
  socket.setTimeout(answerWithinMs, () => socket.destroy());
  try {
    socket.setEncoding("utf8").write(`${order.power} ${order.node}\n`);
    let answer = "";
    for await (const text of socket) answer += String(text);
    const [kind, ...words] = answer.trim().split(" ");
    if (kind !== "done" && kind !== "failed") return undefined;
    return { kind, sentence: words.join(" ") };
  } catch {
    return undefined; // harmless: a demo that ended without tidying up; the next one is asked
  } finally {
    socket.destroy();
  }
}
