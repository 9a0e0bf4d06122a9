/** The memory store passes the store contract. */
import { createMemoryStore } from "../../src/stores/memory/memory-store.ts";
import { storeContract } from "../contract/store.ts";
import { ManualClock } from "./manual-clock.ts";

storeContract("memory", (options = {}) => {
  const clock = new ManualClock();
  const store = createMemoryStore({ clock, ...options });
  return Promise.resolve({
    store,
    advance: (spanMs) => Promise.resolve(clock.advance(spanMs)),
    dispose: () => store.close(),
  });
});
