/** A TCP server that says back what it hears, in a process of its own; it tells its parent the port. */
import { createServer } from "node:net";

/** What to fork. */
export const echoServer: string = import.meta.filename;

if (import.meta.main) {
  const server = createServer((socket) => {
    socket.on("error", () => undefined); // the clients are looked at
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    process.send?.(typeof address === "object" ? address?.port : undefined);
  });
  process.on("disconnect", () => process.exit());
}
