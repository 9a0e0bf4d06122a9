/** An interface of another system over the same objects, for clients that exist already. */
import type { PasswordDesk } from "../access/password-desk.ts";
import type { ServerContext } from "../context.ts";
import type { App } from "./app.ts";

/** What a facade works with. */
export interface FacadeParts {
  readonly context: ServerContext;
  readonly desk: PasswordDesk;
}

/**
 * Adds its routes to a scope of its own. Each is marked with `facadeRoute`: it is no part of Holdfast's own API, and the
 * facade itself asks who calls it and whether they may.
 */
export type Facade = (app: App, parts: FacadeParts) => void;

/** The mark of a facade's routes. */
export const facadeRoute = { facade: true } as const;
