/** Where this machine's server has its data, if nobody says otherwise. */
import type { Session } from "../../session.ts";

/** Flag, then environment, then the usual place. */
export function dataDirectoryOf(session: Session, flag?: string): string {
  const { HOLDFAST_DATA: fromEnvironment } = session.io.environment;
  return flag ?? fromEnvironment ?? "/var/lib/holdfast";
}
