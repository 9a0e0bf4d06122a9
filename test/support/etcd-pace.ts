/** How the product's own members of etcd find out that their leader is lost: tests of such a loss run etcd no slower. */
import { memberFlags } from "../../src/adapters/etcd/member-flags.ts";

const url = "https://127.0.0.1:1";
const shipped = memberFlags(
  { name: "m", initialCluster: `m=${url}`, state: "new" },
  { dataDirectory: "/", pkiDirectory: "/", clientUrl: url, peerUrl: url },
);

/** Words for etcd's command line, taken from those that the product gives it. */
export const shippedPace: readonly string[] = [
  ...wordsOf("--heartbeat-interval", 2),
  ...wordsOf("--election-timeout", 2),
  ...wordsOf("--pre-vote", 1),
];

function wordsOf(name: string, count: number): readonly string[] {
  const at = shipped.indexOf(name);
  if (at === -1) throw new Error(`the product does not say "${name}" any more`);
  return shipped.slice(at, at + count);
}
