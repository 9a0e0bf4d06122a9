/** All that a server needs for its bundles, put together. */
import { ok, type Result } from "../../core/result.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Store } from "../../ports/store.ts";
import type { TlsCredentials } from "../http/app.ts";
import { createPeerClient } from "../peers/http-peer-client.ts";
import { writePeerProof } from "../peers/peer-proof.ts";
import type { ClusterView } from "../view/cluster-view.ts";
import { openBundleDisk } from "./disk.ts";
import { type BundleKeeper, startKeeper } from "./keeper.ts";

export interface BundlesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly view: ClusterView;
  readonly serverId: string;
  readonly dataDirectory: string;
  /** This server's certificate, asked for at each connection; undefined where it is plain HTTP. */
  readonly tls: () => TlsCredentials | undefined;
}

/** Opens the disk and begins to keep it as the records say. The error is one line for the operator. */
export async function openBundles(options: BundlesOptions): Promise<Result<BundleKeeper, string>> {
  const { store, clock, log, view, serverId, dataDirectory, tls } = options;
  const disk = await openBundleDisk(dataDirectory, clock);
  if (!disk.ok) return disk;
  const proof = await writePeerProof(store, serverId);
  if (!proof.ok) return proof;
  const peers = createPeerClient({ clock, tls, proof: proof.value });
  return ok(
    startKeeper({
      store,
      clock,
      log: log.with({ component: "bundles" }),
      view,
      serverId,
      disk: disk.value,
      peers,
    }),
  );
}
