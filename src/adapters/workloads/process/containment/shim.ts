/**
 * The first process of every workload: a fixed shell text that waits at a gate, runs the workload, and keeps its
 * exit status. Nothing of a configuration is ever put into the text; it comes as arguments and environment.
 */
import type { WorkloadInstance } from "../../../../ports/workload.ts";

/**
 * `$1` is the status file, `$2` the lifeline or nothing, `$3` whom the lifeline's end kills, the rest is the command.
 * Descriptor 1 is the log; 2 is for those who start the shim. The workload runs in the foreground, because a shell
 * makes background commands ignore SIGINT and SIGQUIT. It assigns no variable that a workload's environment may hold.
 * At the end of the agent's side of descriptor 3 before the word "go", nothing of the workload has run or will.
 * The process in the second brackets exists before the gate, so that its number is known, and becomes the workload.
 * The one in the first waits on the lifeline: its end means that agent and guard are dead, both without having
 * killed the workload, so that it has to end by itself (S3). It exists before the other, and only with a lifeline.
 * While there is a file beside the status file that ends in ".loose", it waits for the next agent instead: opening
 * the lifeline takes until somebody else holds it.
 */
const shimText = `exec 2>&1
umask 022
if [ -n "$2" ]; then
  (
    exec 3>&-
    while :; do
      IFS= read -r holdfast_lifeline <"$2"
      [ -e "$1.loose" ] && [ -p "$2" ] || break
    done
    [ -e "$1.loose" ] || kill -s KILL -- "$3"
  ) &
fi
(
  printf 'ready\\n' >&3
  IFS= read -r holdfast_gate_word <&3 || exit 125
  [ "$holdfast_gate_word" = go ] || exit 125
  shift 3
  exec 3>&-
  exec "$@"
)
set -- "$1" "$?"
[ -z "$!" ] || kill -s KILL "$!"
umask 077
printf '%d\\n' "$2" >"$1"
exit "$2"
`;

/** What the shim says when it stands at the gate, and what opens it. */
export const gateReady = "ready\n";
export const gateOpen = "go\n";

/** Variables that shells keep for themselves: they would not reach the workload as they were written. */
export const shellOwnedVariables: readonly string[] = [
  "BASHOPTS",
  "BASH_VERSINFO",
  "EUID",
  "IFS",
  "OPTIND",
  "PPID",
  "PWD",
  "SHELLOPTS",
  "SHLVL",
  "UID",
  "_",
];

export interface ShimOptions {
  readonly shellPath: string;
  readonly statusFile: string;
  readonly containment: WorkloadInstance["containment"];
  /** See `PrepareRequest`. */
  readonly lifelinePath: string | undefined;
}

/** The shim's own command line. All paths absolute; `command` is run as it is, without a shell in between. */
export function shimCommand(options: ShimOptions, command: readonly string[]): readonly string[] {
  const { shellPath, statusFile, lifelinePath, containment } = options;
  // All of the namespace; without one, the process group, which is as far as a shell can reach safely.
  const victims = containment === "namespace" ? "-1" : "0";
  const own = ["holdfast-shim", statusFile, lifelinePath ?? "", victims];
  return [shellPath, "-c", shimText, ...own, ...command];
}
