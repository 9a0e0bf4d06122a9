/**
 * S6: what a server said is written is written, what a person wrote is not lost under a manager's write, and no move
 * is begun twice under one instruction.
 */
import type { Operation, StoreChange, Txn } from "../../../ports/store.ts";
import { serviceIdIn } from "../../../runtime/manager-records.ts";
import { keys } from "../../../wire/records.ts";
import type { Check, CheckContext } from "../check.ts";
import { fieldIn, reportFactsOf, textIn } from "../ledger.ts";
import type { Answered } from "../view.ts";

interface Order {
  readonly kind: string;
}

/** Remembers all that was ever written of what servers confirm. */
export function createKeptWordCheck(context: CheckContext): Check {
  const { ledger, accuse } = context;
  const written = new Set<string>();
  const begun = new WeakMap<object, Set<string>>();
  /** Person's orders that are pending, by service. */
  const commands = new Map<string, Order>();

  function onAnswer({ request, answer, askedAtMs }: Answered): void {
    const accepted = answer.kind === "done" || answer.kind === "lease";
    if (!accepted) return;
    switch (request.kind) {
      case "report": {
        const { uid, result, epoch } = request.content;
        if (written.has(`report ${request.service} ${uid} ${result} ${epoch}`)) return;
        accuse("S6", `the word of ${request.node} on ${request.service} was taken and not written`);
        return;
      }
      case "mode":
        if (written.has(`mode ${request.node} ${request.mode} ${request.epoch}`)) return;
        accuse("S6", `the mode of ${request.node} was taken and not written`);
        return;
      case "grant":
        if (answer.kind !== "lease" || written.has(`lease ${request.node} ${answer.epoch}`)) return;
        accuse("S6", `${request.node} was told of a lease that was not written`);
        return;
      case "renew":
        if (ledger.heldLease(request.node, request.epoch, askedAtMs)) return;
        accuse("S6", `${request.node} was told that its lease lives, which was over`);
        return;
      case "release":
        if (ledger.leases.get(request.node)?.epoch !== request.epoch) return;
        accuse("S6", `${request.node} was told that its lease is released, which lives`);
        return;
      case "join":
        if (ledger.nodes.get(request.node)?.agentVersion === request.agentVersion) return;
        accuse("S6", `the version of ${request.node}'s agent was taken and not written`);
        return;
      case "upgrade-report":
        if (written.has(`upgrade ${request.node} ${request.id} ${request.state}`)) return;
        accuse("S6", `the word of ${request.node} on its upgrade was taken and not written`);
        return;
      case "confirm":
        return;
    }
  }

  function note(change: StoreChange): void {
    const key = change.kind === "put" ? change.entry.key : change.key;
    if (key.startsWith(keys.commands)) {
      const service = key.slice(keys.commands.length);
      if (change.kind === "delete") commands.delete(service);
      else {
        const { value } = change.entry;
        commands.set(service, { kind: textIn(value, "kind") });
      }
    }
    if (change.kind !== "put") return;
    const { value } = change.entry;
    if (key.startsWith(keys.reports)) {
      const { uid, result, epoch } = reportFactsOf(value);
      written.add(`report ${key.slice(keys.reports.length)} ${uid} ${result} ${epoch}`);
    } else if (key.startsWith(keys.agentModes)) {
      const node = key.slice(keys.agentModes.length);
      written.add(`mode ${node} ${textIn(value, "mode")} ${fieldIn(value, "epoch")}`);
    } else if (key.startsWith(keys.agentUpgradeReports)) {
      const node = key.slice(keys.agentUpgradeReports.length);
      written.add(`upgrade ${node} ${textIn(value, "id")} ${textIn(value, "state")}`);
    } else if (key.startsWith(keys.leases)) {
      written.add(`lease ${key.slice(keys.leases.length)} ${fieldIn(value, "epoch")}`);
    }
  }

  return {
    onAnswer,
    onEffect({ node, life, effect }) {
      if (effect.kind !== "move") return;
      const moves = begun.get(life) ?? new Set();
      begun.set(life, moves);
      if (moves.has(effect.uid)) accuse("S6", `${node} begins the move ${effect.uid} twice`);
      moves.add(effect.uid);
    },
    beforeCommit(commit) {
      const { txn } = commit;
      if (txn !== undefined && isOfManager(txn)) {
        for (const operation of txn.then) {
          if (operation.key.startsWith(keys.services)) checkConfiguration(context, operation);
          if (operation.key.startsWith(keys.commands)) {
            const command = commands.get(operation.key.slice(keys.commands.length));
            checkCommand(context, { txn, operation }, command);
          }
        }
      }
      for (const change of commit.changes) note(change);
    },
  };
}

function isOfManager(txn: Txn): boolean {
  return txn.then.some(({ key }) => key.startsWith(keys.events));
}

/** A manager changes nothing of a configuration but what is requested, and deletes only what is being removed. */
function checkConfiguration({ ledger, accuse }: CheckContext, operation: Operation): void {
  const service = serviceIdIn(operation.key, keys.services);
  const before = ledger.services.get(service);
  if (before === undefined) return;
  if (operation.kind === "delete") {
    if (!before.removing) accuse("S6", `the configuration of ${service} is lost`);
    return;
  }
  const config = fieldIn(operation.value, "config");
  for (const name of ["node", "group", "maxRestart", "maxRelocate", "onIsolation", "failback"]) {
    const is = JSON.stringify(fieldIn(config, name));
    const was = JSON.stringify(new Map<string, unknown>(Object.entries(before.config)).get(name));
    if (is !== was) accuse("S6", `what a person wrote of ${service} (${name}) is lost`);
  }
}

/** An order is deleted only by a transaction that tells what became of that very order. */
function checkCommand(
  { ledger, accuse }: CheckContext,
  told: { readonly txn: Txn; readonly operation: Operation },
  command: Order | undefined,
): void {
  const { txn, operation } = told;
  if (operation.kind !== "delete" || command === undefined) return;
  const service = serviceIdIn(operation.key, keys.commands);
  if (tells(txn, service, command.kind)) return;
  const isStopped = ledger.statuses.get(service)?.state === "stopped" || stops(txn, service);
  const isDone = command.kind === "stop" && isStopped;
  if (isDone) return; // there was nothing to do and nothing to tell
  accuse("S6", `the order "${command.kind}" for ${service} ends apart from what it did`);
}

/** Also one that is started again at once, because a person asked for that after the stop. */
function stops(txn: Txn, service: string): boolean {
  return txn.then.some((operation) => {
    if (operation.kind !== "put") return false;
    const { key, value } = operation;
    if (key === `${keys.statuses}${service}`) return textIn(value, "state") === "stopped";
    if (!key.startsWith(keys.events) || textIn(value, "subject") !== service) return false;
    return textIn(value, "to") === "stopped";
  });
}

function tells(txn: Txn, service: string, kind: string): boolean {
  return txn.then.some((operation) => {
    if (operation.kind !== "put" || !operation.key.startsWith(keys.events)) return false;
    if (textIn(operation.value, "subject") !== service) return false;
    if (textIn(operation.value, "to") === "removed") return true;
    const reason = fieldIn(operation.value, "reason");
    const code = textIn(reason, "code");
    if (code === "located") return kind === "located";
    const isTold = code === "command" || code === "command-refused";
    return isTold && textIn(reason, "command") === kind;
  });
}
