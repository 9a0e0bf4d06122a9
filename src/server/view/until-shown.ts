/** Waits until this server's view shows something, for answers that are given when a thing has happened. */
import type { ServerContext } from "../context.ts";
import type { ViewTables } from "./view-tables.ts";

/** Whether the condition held before the time was over. It is asked again with every change. */
export function untilShown(
  { view, clock }: Pick<ServerContext, "view" | "clock">,
  condition: (tables: ViewTables) => boolean,
  withinMs: number,
): Promise<boolean> {
  if (condition(view.tables)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const end = (isShown: boolean): void => {
      stop();
      cancel();
      resolve(isShown);
    };
    const look = (): void => {
      if (condition(view.tables)) end(true);
    };
    const stop = view.listen({ changed: look, reset: look });
    const cancel = clock.after(withinMs, () => end(false));
  });
}
