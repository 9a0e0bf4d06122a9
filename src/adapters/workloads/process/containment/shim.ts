/**
 * The first process of every workload: a fixed shell text that waits at a gate, runs the workload, and keeps its
 * exit status. Nothing of a configuration is ever put into the text; it comes as arguments and environment.
 */

/**
 * `$1` is the status file, the rest is the command. Descriptor 1 is the log; 2 is for those who start the shim. The workload runs in the foreground, because a shell makes
 * background commands ignore SIGINT and SIGQUIT. It assigns no variable that a workload's environment may hold.
 * At the end of the agent's side of descriptor 3 before the word "go", nothing of the workload has run or will.
 * The process in the brackets exists before the gate, so that its number is known, and becomes the workload.
 */
const shimText = `exec 2>&1
umask 022
(
  printf 'ready\\n' >&3
  IFS= read -r holdfast_gate_word <&3 || exit 125
  [ "$holdfast_gate_word" = go ] || exit 125
  shift
  exec 3>&-
  exec "$@"
)
set -- "$1" "$?"
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

/** The shim's own command line. All paths absolute; `command` is run as it is, without a shell in between. */
export function shimCommand(
  shellPath: string,
  statusFile: string,
  command: readonly string[],
): readonly string[] {
  return [shellPath, "-c", shimText, "holdfast-shim", statusFile, ...command];
}
