/** The packages of Holdfast among the bundles, for a server that replaces its own program. */
import type { Readable } from "node:stream";
import { err, type Result } from "../../core/result.ts";
import type { BundleRecord } from "../../wire/bundles.ts";
import type { ServerContext } from "../context.ts";
import { viewWithinMs } from "../limits.ts";
import { contentOf } from "./send.ts";

export interface PackageSource {
  /** What is known of it; undefined: no server keeps it. `revision`: of the store, that has to be looked at. */
  find(sha256: string, revision: number): Promise<BundleRecord | undefined>;
  /** From this server's disk or from another one's; whoever reads to the end has the right content. */
  content(bundle: BundleRecord): Promise<Result<Readable, string>>;
}

/** All that this server can get. */
export function packageSource(context: ServerContext): PackageSource {
  const { view } = context;
  return {
    async find(sha256, revision) {
      await view.reach(revision, viewWithinMs);
      return view.tables.bundles.get(sha256)?.value;
    },
    async content(bundle) {
      const opened = await contentOf(context, bundle);
      return opened.ok ? opened : err(opened.error.detail);
    },
  };
}
