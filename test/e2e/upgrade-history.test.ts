/** The check of S7 over a store's history sees what it is there for; the histories are made by hand. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkHistory, type HistoryChange } from "./rollout/upgrade-history.ts";

const release = { version: "1.0.0", inputsKey: "k" };
const next = { version: "2.0.0", inputsKey: "k" };

/** A history that is written one transaction after the other. */
class Story {
  readonly changes: HistoryChange[] = [];
  #revision = 0;

  write(...puts: readonly (readonly [string, unknown])[]): this {
    this.#revision += 1;
    for (const [key, value] of puts) {
      const isDeletion = value === undefined;
      const before = this.changes.findLast((change) => change.key === key)?.value;
      const held = isDeletion ? before : value;
      this.changes.push({ revision: this.#revision, key, value: held, isDeletion });
    }
    return this;
  }

  /** A node in the group, with a healthy copy. */
  member(node: string): this {
    const service = `process:web@${node}`;
    const base = { version: 1, service, node, uid: `u-${node}` };
    const epoch = 1;
    return this.write(
      [`ha-members/${node}`, { version: 1, group: "front" }],
      [`leases/${node}`, { version: 1, epoch, leaseId: "1", incarnation: "i" }],
      [
        `services/${service}`,
        {
          version: 1,
          config: { id: service, process: { command: "a" } },
          removing: false,
          addedAtMs: 0,
        },
      ],
      [
        `statuses/${service}`,
        {
          ...base,
          state: "started",
          nodeEpoch: epoch,
          sinceMs: 0,
          reason: { code: "home", node },
          failedNodes: [],
        },
      ],
      [
        `reports/${service}`,
        {
          ...base,
          epoch,
          result: "running",
          detail: "",
          health: "healthy",
          configRevision: 99,
          atMs: 0,
        },
      ],
      instance(node),
    );
  }

  sick(node: string): this {
    const service = `process:web@${node}`;
    return this.write([
      `reports/${service}`,
      {
        ...{ version: 1, service, node, uid: `u-${node}`, epoch: 1, detail: "", atMs: 0 },
        result: "running",
        health: "unhealthy",
        configRevision: 99,
      },
    ]);
  }
}

function instance(node: string, upgrade?: object): readonly [string, unknown] {
  const record = {
    ...{ version: 1, deployment: "web", node, service: `process:web@${node}`, release, rollout: 1 },
    ...{ phase: upgrade === undefined ? "running" : "upgrading", upgrade },
    ...{ failedAttempts: 0, attemptSinceMs: 0, givenUp: [], isVerified: false, wasHealthy: true },
  };
  return [`instances/web/${node}`, record];
}

const upgrade = { rollout: 1, from: release, to: next, sinceMs: 0 };

function slot(node: string | undefined): readonly [string, unknown] {
  if (node === undefined) return ["upgrade-slots/front", undefined];
  const use = { kind: "service", deployment: "web", from: "1.0.0", to: "2.0.0" };
  return ["upgrade-slots/front", { version: 1, group: "front", node, use, sinceMs: 0 }];
}

const begin = (node: string) => [slot(node), instance(node, upgrade)] as const;
const end = (node: string) => [slot(undefined), instance(node)] as const;
const trio = (): Story => new Story().member("a").member("b").member("c");

describe("checkHistory()", () => {
  test("finds nothing when one member after the other is upgraded", () => {
    const story = trio()
      .write(...begin("a"))
      .write(...end("a"))
      .write(...begin("b"));
    const findings = checkHistory(story.write(...end("b")).changes);
    assert.deepEqual(findings.faults, []);
    assert.deepEqual(findings.begun, ["a web", "b web"]);
  });

  test("sees two members under an upgrade", () => {
    const { faults } = checkHistory(
      trio()
        .write(...begin("a"))
        .write(...begin("b")).changes,
    );
    assert.match(faults.join("\n"), /b web begins while a of front is at it/);
    assert.match(faults.join("\n"), /a and b of front are under an upgrade at once/);
  });

  test("sees an upgrade without the slot, and a slot that goes or stays at the wrong time", () => {
    const without = checkHistory(trio().write(instance("a", upgrade)).changes);
    assert.match(without.faults.join(), /a web begins, slot of front: undefined/);
    const early = checkHistory(
      trio()
        .write(...begin("a"))
        .write(slot(undefined)).changes,
    );
    assert.match(early.faults.join(), /a gives the slot of front back too early/);
    const late = checkHistory(
      trio()
        .write(...begin("a"))
        .write(instance("a")).changes,
    );
    assert.match(late.faults.join(), /a web is over and keeps its slot/);
  });

  test("sees the last healthy copy being taken down", () => {
    const { faults } = checkHistory(
      trio()
        .sick("b")
        .sick("c")
        .write(...begin("a")).changes,
    );
    assert.match(faults.join(), /a web takes down the last healthy copy of front/);
    assert.deepEqual(
      checkHistory(
        trio()
          .sick("b")
          .write(...begin("a")).changes,
      ).faults,
      [],
    );
  });

  test("lets a member that joined with its own upgrade be, and no third one begin", () => {
    const joined = new Story()
      .member("a")
      .member("b")
      .write(...begin("a"));
    joined.write(["ha-members/c", { version: 1, group: "other" }], instance("c", upgrade));
    const change = ["ha-members/c", { version: 1, group: "front" }] as const;
    const findings = checkHistory(joined.write(change).changes);
    assert.equal(findings.joinedWithUpgrade, 1);
    const isAboutC = (fault: string) => /c web begins, slot of other/.test(fault);
    assert.deepEqual(
      findings.faults.filter((fault) => !isAboutC(fault)),
      [],
    );
    const third = checkHistory(joined.write(...begin("b")).changes);
    assert.match(third.faults.join("\n"), /b web begins while a of front is at it/);
  });
});
