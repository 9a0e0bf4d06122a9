/** The program that tests start as a process: the built one, as users have it. It starts in a third of the source's time. */
import { join } from "node:path";

export const root = join(import.meta.dirname, "..", "..");

/** `npm test` builds it from the sources under test; the services of the demo lie beside it. */
export const mainPath = join(root, "dist", "main.js");
