/** The control plane that routes work with; a server that was never initialised has none, and says so. */
import { problemOf } from "../../wire/errors.ts";
import type { ServerContext } from "../context.ts";
import { ProblemError } from "../http/problem-error.ts";
import type { ControlPlane } from "./control-plane.ts";

/** Answers the request with a refusal where there is none. */
export function controlPlaneOf(context: ServerContext): ControlPlane {
  if (context.controlPlane !== undefined) return context.controlPlane;
  throw new ProblemError(
    problemOf(
      "refused",
      "this server has no certificate authority; run holdfast server init on it first",
    ),
  );
}
