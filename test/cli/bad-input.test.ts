/** Everything that a person can write wrongly: one clear line, the exit code, and nothing changed. */
import assert from "node:assert/strict";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createBench } from "./harness.ts";

interface BadCase {
  readonly criterion: string;
  /** FILE stands for a file with `content`, FOLDER for the test's folder. */
  readonly words: string;
  readonly content?: string;
  readonly code: number;
  readonly says: RegExp;
}

const service = "kind: Service\nid: process:api\nprocess:\n  command: /bin/true\n";

const cases: readonly BadCase[] = [
  {
    criterion: "an unknown command",
    words: "servce list",
    code: 2,
    says: /unknown command 'servce' \(Did you mean service\?\); see: holdfast --help/,
  },
  {
    criterion: "an unknown verb",
    words: "service lst",
    code: 2,
    says: /unknown command 'lst'.*see: holdfast service --help/,
  },
  {
    criterion: "an unknown flag",
    words: "service list --wiat",
    code: 2,
    says: /unknown option '--wiat'.*holdfast service list --help/,
  },
  {
    criterion: "a missing argument",
    words: "service show",
    code: 2,
    says: /missing required argument 'id'/,
  },
  {
    criterion: "one argument too many",
    words: "service show process:a process:b",
    code: 2,
    says: /too many arguments/,
  },
  {
    criterion: "an unknown format",
    words: "service list -o xml",
    code: 2,
    says: /xml.*table, json, yaml/,
  },
  {
    criterion: "an address that is none",
    words: "status --server nonsense",
    code: 2,
    says: /--server: "nonsense" is no server address; write it as http/,
  },
  {
    criterion: "a token file that is not there",
    words: "status --token-file FOLDER/none",
    code: 2,
    says: /cannot read the token file .*none \(--token-file\): no such file/,
  },
  {
    criterion: "an empty token file",
    words: "status --token-file FILE",
    content: "\n",
    code: 2,
    says: /holds no token/,
  },
  {
    criterion: "a duration without unit",
    words: "service add process:a --command x --stop-timeout 10",
    code: 2,
    says: /--stop-timeout.*"10" is no duration.*e\.g\. 10s/,
  },
  {
    criterion: "a count that is none",
    words: "service add process:a --command x --max-restart -1",
    code: 2,
    says: /--max-restart.*"-1" is no number/,
  },
  {
    criterion: "an impossible service name",
    words: "service add process:-a --command x",
    code: 2,
    says: /"process:-a" cannot be a service id/,
  },
  {
    criterion: "a name without type",
    words: "service add api --command x",
    code: 2,
    says: /"api" cannot be a service id: write <type>:<name>/,
  },
  {
    criterion: "a type without driver",
    words: "service add vm:a --command x",
    code: 2,
    says: /^holdfast: no driver for service type "vm"; this version has: process$/m,
  },
  {
    criterion: "a service without command",
    words: "service add process:a",
    code: 2,
    says: /^holdfast: --command: give the program that it runs$/m,
  },
  {
    criterion: "an environment flag without name",
    words: "service add process:a --command x --env X",
    code: 2,
    says: /--env: "X" has no name and "="/,
  },
  {
    criterion: "two health checks",
    words: "service add process:a --command x --health-http http://a/ --health-exec true",
    code: 2,
    says: /more than one health check/,
  },
  {
    criterion: "health times without a check",
    words: "service add process:a --command x --health-interval 1s",
    code: 2,
    says: /describe no check; add one of --health-http/,
  },
  {
    criterion: "a health address of another protocol",
    words: "service add process:a --command x --health-http ftp://a/",
    code: 2,
    says: /--health-http: /,
  },
  {
    criterion: "a relative folder",
    words: "service add process:a --command x --working-directory tmp",
    code: 2,
    says: /--working-directory: must be an absolute path/,
  },
  {
    criterion: "a signal that is none",
    words: "service add process:a --command x --stop-signal SIGNO",
    code: 2,
    says: /--stop-signal: /,
  },
  {
    criterion: "an impossible node",
    words: "service add process:a --command x --node No_de",
    code: 2,
    says: /--node: "No_de" cannot be a node name/,
  },
  {
    criterion: "a file with flags",
    words: "service add -f FILE --command x",
    content: service,
    code: 2,
    says: /-f cannot be mixed with flags/,
  },
  {
    criterion: "another id than the file's",
    words: "service add process:b -f FILE",
    content: service,
    code: 2,
    says: /describes process:api, not process:b/,
  },
  {
    criterion: "nothing to set",
    words: "service set process:api",
    code: 2,
    says: /nothing to set is given/,
  },
  {
    criterion: "taking away what must be there",
    words: "service set process:api --unset command",
    code: 2,
    says: /"command" cannot be taken away; it takes: node/,
  },
  {
    criterion: "a file that is not there",
    words: "apply -f FOLDER/none.yaml",
    code: 2,
    says: /cannot read .*none\.yaml: no such file/,
  },
  {
    criterion: "a folder as file",
    words: "apply -f FOLDER",
    code: 2,
    says: /cannot read .*: it is a folder/,
  },
  {
    criterion: "an empty file",
    words: "apply -f FILE",
    content: "# nothing\n",
    code: 2,
    says: /FILE describes nothing/,
  },
  {
    criterion: "broken YAML",
    words: "apply -f FILE",
    content: "kind: Service\nid: [a\n",
    code: 2,
    says: /FILE line \d: .*nothing was changed/,
  },
  {
    criterion: "a key twice",
    words: "apply -f FILE",
    content: `${service}id: process:b\n`,
    code: 2,
    says: /FILE line 5: Map keys must be unique/,
  },
  {
    criterion: "a document without kind",
    words: "apply -f FILE",
    content: "id: process:api\n",
    code: 2,
    says: /FILE line 1: kind is missing: write one of "kind: Service"/,
  },
  {
    criterion: "a wrong kind",
    words: "apply -f FILE",
    content: `${service}---\n\nkind: Servce\n`,
    code: 2,
    says: /FILE line 7: kind is "Servce"/,
  },
  {
    criterion: "a list",
    words: "apply -f FILE",
    content: "- a\n",
    code: 2,
    says: /FILE line 1: fields are expected/,
  },
  {
    criterion: "an unknown field",
    words: "apply -f FILE",
    content: `${service}maxRestrt: 3\n`,
    code: 2,
    says: /FILE line 5: maxRestrt: unknown field; correct the file; nothing was changed/,
  },
  {
    criterion: "an unknown field further in",
    words: "apply -f FILE",
    content: `${service}  health:\n    kind: tcp\n    port: 80\n    intervall: 3\n`,
    code: 2,
    says: /FILE line 8: process\.health\.intervall: unknown field/,
  },
  {
    criterion: "a wrong type",
    words: "apply -f FILE",
    content: `${service}maxRestart: many\n`,
    code: 2,
    says: /FILE line 5: maxRestart: .*expected number/,
  },
  {
    criterion: "a wrong type in a list",
    words: "apply -f FILE",
    content: `${service}  arguments:\n    - a\n    - 5\n`,
    code: 2,
    says: /FILE line 7: process\.arguments\.1: .*expected string/,
  },
  {
    criterion: "an id twice",
    words: "apply -f FILE",
    content: `${service}---\n${service}`,
    code: 2,
    says: /FILE line 7: id: "process:api" is there already, in line 2/,
  },
  {
    criterion: "settings twice",
    words: "apply -f FILE",
    content: "kind: Settings\n---\nkind: Settings\n",
    code: 2,
    says: /FILE line 3: a second "kind: Settings"/,
  },
  {
    criterion: "a node name that cannot be",
    words: "apply -f FILE",
    content: `${service}node: Node_1\n`,
    code: 2,
    says: /FILE line 5: node: "Node_1" cannot be a node name/,
  },
  {
    criterion: "a type without driver in a file",
    words: "apply -f FILE",
    content: "kind: Service\nid: vm:a\n",
    code: 2,
    says: /FILE line 2: id: no driver for service type "vm"/,
  },
  {
    criterion: "times that are not safe",
    words: "apply -f FILE",
    content: "kind: Settings\ntimes:\n  ttlMs: 1000\n  watchdogMs: 1000\n  renewEveryMs: 100\n",
    code: 2,
    says: /FILE line 2: times: watchdogMs \(1000\) must be/,
  },
  {
    criterion: "apply without file",
    words: "apply",
    code: 2,
    says: /required option '-f, --file <file>' not specified/,
  },
  {
    criterion: "a group twice in a file",
    words: "apply -f FILE",
    content:
      "kind: Group\nname: a\nnodes: [{ node: n1 }]\n---\nkind: Group\nname: a\nnodes: [{ node: n1 }]\n",
    code: 2,
    says: /FILE line 6: name: "a" is there already, in line 2/,
  },
  {
    criterion: "a node twice in a group",
    words: "apply -f FILE",
    content: "kind: Group\nname: a\nnodes:\n  - node: n1\n  - node: n1\n",
    code: 2,
    says: /FILE line 5: nodes.1: "n1" is named twice/,
  },
  {
    criterion: "a rule of no known type",
    words: "apply -f FILE",
    content: "kind: Rule\nname: a\ntype: colour\nservices: [process:a]\n",
    code: 2,
    says: /FILE line 3: type: /,
  },
  {
    criterion: "a document of no known kind",
    words: "apply -f FILE",
    content: "kind: Servce\n",
    code: 2,
    says: /kind is "Servce": write one of "kind: Service", "kind: Group", "kind: Rule", "kind: HaGroup", "kind: Definition", "kind: Deployment", "kind: Settings"/,
  },
  {
    criterion: "settings without anything",
    words: "config set",
    code: 2,
    says: /missing required argument 'key=value'/,
  },
  {
    criterion: "a setting that there is not",
    words: "config set colour=red",
    code: 2,
    says: /there is no setting "colour"; see all with: holdfast config set --help/,
  },
  {
    criterion: "a setting without value",
    words: "config set profile",
    code: 2,
    says: /"profile" has no key and "="/,
  },
  {
    criterion: "a setting's value without unit",
    words: "config set roundMs=10",
    code: 2,
    says: /roundMs: "10" is no duration/,
  },
  {
    criterion: "a setting's value that is none of its names",
    words: "config set scheduler=best",
    code: 2,
    says: /scheduler: "best" is none of basic, static, dynamic/,
  },
  {
    criterion: "a group without nodes",
    words: "group add left",
    code: 2,
    says: /a group needs a node; add --node NAME/,
  },
  {
    criterion: "a node's priority that is no number",
    words: "group add left --node node1:high",
    code: 2,
    says: /--node: "node1:high" is no node and priority/,
  },
  {
    criterion: "a node name that cannot be, in a group",
    words: "group add left --node Node_1",
    code: 2,
    says: /--node: "Node_1" cannot be a node name/,
  },
  {
    criterion: "a group's name that cannot be",
    words: "group add le/ft --node node1",
    code: 2,
    says: /name: use letters, digits/,
  },
  {
    criterion: "a rule without type",
    words: "rule add apart --service process:a",
    code: 2,
    says: /required option '--type <type>' not specified/,
  },
  {
    criterion: "a rule without what its type asks for",
    words: "rule add apart --type resource-affinity --service process:a",
    code: 2,
    says: /--affinity: /,
  },
  {
    criterion: "a rule with what its type does not know",
    words:
      "rule add place --type node-affinity --service process:a --node node1 --affinity positive",
    code: 2,
    says: /--affinity does not go with this type of rule/,
  },
  {
    criterion: "maintenance neither on nor off",
    words: "node maintenance maybe node1",
    code: 2,
    says: /Allowed choices are on, off/,
  },
  {
    criterion: "disarming in no known way",
    words: "cluster disarm gently",
    code: 2,
    says: /Allowed choices are freeze, ignore/,
  },
  {
    criterion: "locating without a node",
    words: "service locate process:a",
    code: 2,
    says: /required option '--node <node>' not specified/,
  },
  {
    criterion: "a switch that is neither on nor off",
    words: "service add process:a --command x --failback maybe",
    code: 2,
    says: /write on or off/,
  },
  {
    criterion: "an impossible service to wait for",
    words: "service add process:a --command x --after db",
    code: 2,
    says: /--after: "db" cannot be a service id/,
  },
  {
    criterion: "a token for nobody",
    words: "token create",
    code: 2,
    says: /give --node NAME, --role ROLE, --admin or --own/,
  },
  {
    criterion: "a token for two",
    words: "token create --admin --node a",
    code: 2,
    says: /give --node NAME, --role ROLE, --admin or --own/,
  },
  {
    criterion: "a token for an impossible node",
    words: "token create --node A_b",
    code: 2,
    says: /--node: "A_b" cannot be a node name/,
  },
  {
    criterion: "a confirmation without terminal",
    words: "node confirm-off node1",
    code: 2,
    says: /no terminal to ask at; when node1 is off for sure, add --yes/,
  },
  {
    criterion: "an agent with a broken server list",
    words: "agent run --server http://a,b --token-file FILE",
    content: "x\n",
    code: 2,
    says: /--server: "b" is no server address/,
  },
  {
    criterion: "a listen address that is none",
    words: "server run --listen 7440",
    code: 2,
    says: /--listen: "7440" is no address; write it like 127\.0\.0\.1:7440/,
  },
  {
    criterion: "an unknown field in server.yaml",
    words: "server run --config FILE",
    content: "data: /x\nlisten_on: a\n",
    code: 2,
    says: /FILE line 2: listen_on: unknown field/,
  },
  {
    criterion: "a configuration file that is not there",
    words: "server run --config FOLDER/none",
    code: 2,
    says: /cannot read .*none: no such file/,
  },
  {
    criterion: "a shell that is not known",
    words: "completion tcsh",
    code: 2,
    says: /tcsh.*bash, zsh, fish/,
  },
];

for (const { criterion, words, content, code, says } of cases) {
  test(`runCli() answers ${criterion} with one line and exit code ${code}`, async (context) => {
    const bench = await createBench(context);
    bench.server.putService({ id: "process:api", process: { command: "/bin/true" } });
    const file = content === undefined ? "FILE" : await bench.file("input.yaml", content);
    const environment = { HOLDFAST_SERVER: bench.server.url };
    const replaced = words
      .split(" ")
      .map((word) => word.replace("FILE", file).replace("FOLDER", bench.folder));
    const ran = await bench.run(replaced, { environment });
    const err = ran.err.replaceAll(file, "FILE");
    assert.match(err, says);
    assert.match(err, /^holdfast: [^\n]+\n$/, "it is one line");
    assert.equal(ran.code, code);
    assert.equal(ran.out, "");
    assert.deepEqual(
      bench.server.requests.filter((request) => request.method !== "GET"),
      [],
      "nothing was changed",
    );
    assert.deepEqual(Object.values(bench.started).flat(), [], "nothing was started");
  });
}

test("runCli() says that a file may not be read", async (context) => {
  if (process.getuid?.() === 0) return context.skip("root may read every file");
  const bench = await createBench(context);
  const file = await bench.file("secret.yaml", service);
  await chmod(file, 0o000);
  const ran = await bench.run(["apply", "-f", file]);
  assert.match(ran.err, /cannot read .*secret\.yaml: permission denied/);
  assert.equal(ran.code, 2);
});

test("runCli() names the line of a fault in cli.yaml", async (context) => {
  const bench = await createBench(context);
  await bench.file("home-cli.yaml", "server: http://a\ntoken: secret\n");
  const ran = await bench.run(["status"], { environment: {} });
  assert.match(ran.err, /home-cli\.yaml line 2: token: unknown field/);
  assert.equal(ran.code, 2);
});

test("runCli() says that a configuration file cannot be read", async (context) => {
  const bench = await createBench(context);
  await mkdir(join(bench.folder, "etc-cli.yaml"));
  const ran = await bench.run(["status"], { environment: {} });
  assert.match(ran.err, /cannot read .*etc-cli\.yaml: it is a folder/);
  assert.equal(ran.code, 2);
});
