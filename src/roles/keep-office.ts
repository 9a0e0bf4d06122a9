/** Keeps what a server is to do as manager, and says at once what its machine lacks for it. */
import { missingForAddress } from "../adapters/address/requirements.ts";
import { done, fail, type Outcome } from "../cli/failure.ts";
import type { CliIo } from "../cli/io.ts";
import { keepOffice as keepInFile } from "../setup/office/office-file.ts";
import type { OfficeWishes } from "../wire/control-plane/office.ts";

/** For `server init` and `server join`, which may be given again with other wishes. */
export async function keepOffice(
  options: { readonly dataDirectory: string; readonly office: OfficeWishes },
  io: CliIo,
): Promise<Outcome> {
  const { dataDirectory, office } = options;
  const kept = await keepInFile(dataDirectory, office);
  if (!kept.ok) return fail(1, kept.error);
  if (office.address === undefined || office.address === "none") return done;
  const missing = missingForAddress(office.address);
  if (missing !== undefined) {
    io.stderr.write(`warning: ${office.address.address} cannot be held here now: ${missing}\n`);
  }
  return done;
}
