/** The SQLite store passes the store contract. */
import { storeContract } from "../contract/store.ts";
import { ManualClock } from "./manual-clock.ts";
import { openStore, temporaryDirectory } from "./sqlite-support.ts";

storeContract("sqlite", async (options = {}) => {
  const clock = new ManualClock();
  const directory = temporaryDirectory();
  const store = await openStore({ file: directory.file("store.db"), clock, ...options });
  return {
    store,
    advance: (spanMs) => Promise.resolve(clock.advance(spanMs)),
    dispose: async () => {
      await store.close();
      directory.remove();
    },
  };
});
