/** Where clients and agents find the servers. */
import { keys } from "../../wire/records.ts";
import type { ClusterView } from "../view/cluster-view.ts";

/**
 * All servers in the order of their ids, then the load balancer, where there is one: whoever knows the servers goes to
 * the next by itself, sooner than a balancer finds out. Of a server that was only started nothing is known.
 */
export function serverUrls(context: { readonly view: Pick<ClusterView, "tables"> }): string[] {
  const { controlPlane, servers } = context.view.tables;
  const urls = [...servers.values()]
    .map((row) => row.value)
    .sort((left, right) => Number(left.id) - Number(right.id))
    .map(({ url }) => url);
  const balancer = controlPlane?.value.loadBalancer;
  return balancer === undefined ? urls : [...urls, `https://${balancer}`];
}

/** Whether a change of this key may change what `serverUrls` answers. */
export function isAboutServers(key: string): boolean {
  return key.startsWith(keys.servers) || key === keys.controlPlane;
}
