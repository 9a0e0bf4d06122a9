/** What a server says of its machine: its clock, its disk, its launcher, and how long its certificate is in time. */
import { X509Certificate } from "node:crypto";
import { statfs } from "node:fs/promises";
import type { OwnStatus } from "../../wire/servers.ts";
import type { ServerContext } from "../context.ts";

/** What cannot be told is left out. `storeBytes`: what its store has on the disk. */
export async function ownMachine(
  context: Pick<ServerContext, "clock" | "dataDirectory" | "certificatePem" | "launcher">,
  storeBytes: number | undefined,
): Promise<OwnStatus["machine"]> {
  const { clock, dataDirectory, certificatePem, launcher } = context;
  const diskFreeBytes = await statfs(dataDirectory).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => undefined,
  );
  const pem = certificatePem();
  const certificateUntilMs =
    pem === undefined ? undefined : new X509Certificate(pem).validToDate.getTime();
  return {
    wallMs: clock.wallMs(),
    diskFreeBytes,
    certificateUntilMs,
    launcher: launcher?.(),
    storeBytes,
  };
}
