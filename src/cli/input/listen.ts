/** Addresses to listen on, as people write them. */
import type { ListenAddress } from "../../balancer/config/balancer-settings.ts";
import { ok, type Result } from "../../core/result.ts";
import { type Failure, usage } from "../failure.ts";

/** Host and port of `127.0.0.1:7440` or `[::1]:7440`; port 0 takes a free one. */
export function parseListen(text: string): Result<ListenAddress, Failure> {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    return usage(`--listen: "${text}" is no address`, "write it like 127.0.0.1:7440 or [::1]:7440");
  }
  return ok({ host, port });
}
