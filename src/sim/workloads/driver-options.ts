/** What drivers work with. */
import type { Engine } from "../engine/engine.ts";
import type { Copies, Copy } from "../node/copies.ts";
import type { Programs } from "./programs.ts";
import type { ServiceFacts } from "./service-facts.ts";

export interface DriverOptions {
  readonly engine: Engine;
  readonly copies: Copies;
  readonly facts: ServiceFacts;
  readonly programs: Programs;
  /** A copy has ended and nobody who asked for that is there to hear it. */
  readonly onExit: (copy: Copy, detail: string) => void;
}
