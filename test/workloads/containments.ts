/** Which containments this machine allows; tests of one that it does not are skipped with the reason. */
import { probeNamespace } from "../../src/adapters/workloads/process/containment/namespace.ts";
import {
  findExecutable,
  systemPath,
} from "../../src/adapters/workloads/process/start/executables.ts";
import type { Containment } from "./support.ts";

const unshare = findExecutable("unshare", systemPath, "/");
const namespaceFault = unshare.ok ? await probeNamespace(unshare.value, "/bin/sh") : unshare.error;

export const containments: readonly {
  readonly kind: Containment;
  /** Why its tests are skipped; false: they are run. */
  readonly skip: string | false;
}[] = [
  {
    kind: "namespace",
    skip:
      namespaceFault === undefined ? false : `PID namespaces do not work here: ${namespaceFault}`,
  },
  { kind: "tracked", skip: false },
];
