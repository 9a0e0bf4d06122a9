/** The command line as a whole: all nouns in the order in which a newcomer meets them, and the flags of all. */
import { Command, Option } from "commander";
import type { CommandContext } from "./command-context.ts";
import { addAuditCommands } from "./commands/access/audit.ts";
import { addLoginCommands } from "./commands/access/login.ts";
import { addRoleCommands } from "./commands/access/role.ts";
import { addTokenCommands } from "./commands/access/token.ts";
import { addUserCommands } from "./commands/access/user.ts";
import { addAgentCommands } from "./commands/agent.ts";
import { addApplyCommands } from "./commands/apply.ts";
import { addBackupCommands } from "./commands/backup/backup.ts";
import { addBalancerCommands } from "./commands/balancer.ts";
import { addBundleCommands } from "./commands/bundle/bundle.ts";
import { addClusterCommands } from "./commands/cluster.ts";
import { addCompletionCommands } from "./commands/completion.ts";
import { addConfigCommands } from "./commands/config/config.ts";
import { addDemoCommand } from "./commands/demo.ts";
import { addEventCommands } from "./commands/events.ts";
import { addCheckCommand } from "./commands/fleet/check.ts";
import { addDefinitionCommands } from "./commands/fleet/definition.ts";
import { addDeploymentCommands } from "./commands/fleet/deployment.ts";
import { addHaGroupCommands } from "./commands/fleet/hagroup.ts";
import { addPolicyCommands } from "./commands/fleet/policy.ts";
import { addRolloutCommands } from "./commands/fleet/rollout.ts";
import { addNodeCommands } from "./commands/node.ts";
import { addGroupCommands } from "./commands/placement/group.ts";
import { addRuleCommands } from "./commands/placement/rule.ts";
import { addJoinScriptCommands } from "./commands/server/join-script.ts";
import { addServerCommands } from "./commands/server/server.ts";
import { addExecCommand } from "./commands/service/exec.ts";
import { addServiceCommands } from "./commands/service/service.ts";
import { addSimCommands } from "./commands/sim/sim.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addUpgradeCommands } from "./commands/upgrade/upgrade.ts";
import { addVersionCommand, programVersion } from "./commands/version.ts";
import { addWhatifCommand } from "./commands/whatif/whatif.ts";
import { addWhyCommand } from "./commands/why.ts";
import { outputFormats } from "./session.ts";

const helpAfter = `
Settings are found in this order: flags, environment (HOLDFAST_SERVER, HOLDFAST_TOKEN, HOLDFAST_TOKEN_FILE,
HOLDFAST_CA), ~/.config/holdfast/cli.yaml, /etc/holdfast/cli.yaml (fields: server, tokenFile, authority), what
this machine's own server or agent knows, defaults.
Exit codes: 0 ok, 1 failed, 2 wrong usage or input, 3 not found, 4 conflict, 5 refused.
Durations are written like 500ms, 10s, 2m, 1h.`;

/** Builds the program; it writes help to `context.io`, and throws commander's error instead of ending the process. */
export function buildProgram(context: CommandContext): Command {
  const { io } = context;
  const program = new Command("holdfast");
  program
    .description("Keeps services running on at least one healthy node, and says why")
    .version(programVersion, "-V, --version", "print the version")
    .addOption(
      new Option("-o, --output <format>", "table for people; json and yaml for scripts")
        .choices(outputFormats)
        .default("table"),
    )
    .option("--server [urls]", "servers, parted by commas (default: http://127.0.0.1:7440)")
    .option("--token-file <file>", "file that holds the token")
    .option("--ca <file>", "certificate of the servers' authority (PEM)")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => undefined, // runCli prints what was wrong, in one line
    })
    .exitOverride()
    .addHelpText("after", helpAfter);
  addStatusCommand(program, context);
  addServiceCommands(program, context);
  addExecCommand(program, context);
  addNodeCommands(program, context);
  addGroupCommands(program, context);
  addRuleCommands(program, context);
  addHaGroupCommands(program, context);
  addDefinitionCommands(program, context);
  addDeploymentCommands(program, context);
  addCheckCommand(program, context);
  addRolloutCommands(program, context);
  addPolicyCommands(program, context);
  addWhyCommand(program, context);
  addWhatifCommand(program, context);
  addEventCommands(program, context);
  addAuditCommands(program, context);
  addApplyCommands(program, context);
  addClusterCommands(program, context);
  addConfigCommands(program, context);
  addLoginCommands(program, context);
  addUserCommands(program, context);
  addRoleCommands(program, context);
  addTokenCommands(program, context);
  addBundleCommands(program, context);
  addBackupCommands(program, context);
  addServerCommands(program, context);
  addJoinScriptCommands(program, context);
  addUpgradeCommands(program, context);
  addAgentCommands(program, context);
  addBalancerCommands(program, context);
  addSimCommands(program, context);
  addDemoCommand(program, context);
  addCompletionCommands(program, context);
  addVersionCommand(program, context);
  return program;
}
