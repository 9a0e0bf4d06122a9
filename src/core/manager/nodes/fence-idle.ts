/** Nodes in `fence` that no service needs fenced any more. */
import type { Context } from "../context.ts";
import { releaseFence } from "./node-fencing.ts";

/** Has each of them acknowledged all the same: a person took its services away meanwhile. */
export function releaseIdleFences(context: Context): void {
  for (const id of context.state.lost) releaseFence(context, id);
}
