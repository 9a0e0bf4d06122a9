import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  type Permission,
  permissionLine,
  permissions,
  type RoleName,
  roleNames,
} from "../../../src/core/access/permissions-table.ts";
import {
  type AccessObject,
  couldPermit,
  covers,
  type Grant,
  permissionNames,
  permissionsOf,
  permits,
} from "../../../src/core/access/permits.ts";
import { type NodeId, parseNodeId, parseServiceId, type ServiceId } from "../../../src/core/ids.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
const options = { seed, numRuns: 2_000 };

function node(name: string): NodeId {
  const parsed = parseNodeId(name);
  assert.ok(parsed.ok);
  return parsed.value;
}

function service(name: string): ServiceId {
  const parsed = parseServiceId(`process:${name}`);
  assert.ok(parsed.ok);
  return parsed.value;
}

const nodes = ["n1", "n2", "n3"].map(node);
const services = ["a", "b", "c"].map(service);
const objects: readonly AccessObject[] = [
  ...nodes.map((id): AccessObject => ({ kind: "node", id })),
  ...services.map((id): AccessObject => ({ kind: "service", id })),
];

const anyGrant: fc.Arbitrary<Grant> = fc
  .record({
    role: fc.constantFrom(...roleNames),
    ownsNodes: fc.subarray(nodes),
    ownsServices: fc.subarray(services),
  })
  .map((grant) => (grant.role === "owner" ? grant : { ...grant, ownsNodes: [], ownsServices: [] }));
const anyNeed = fc.record({
  permission: fc.constantFrom(...permissionNames),
  objects: fc.subarray([...objects]),
});

function grant(role: RoleName, more: Partial<Grant> = {}): Grant {
  return { role, ownsNodes: [], ownsServices: [], ...more };
}

test("permits() lets each role do what its line says, and names what is missing", () => {
  const cases: readonly (readonly [Permission, readonly RoleName[]])[] = [
    ["cluster.read", ["viewer", "operator", "owner", "admin"]],
    ["account.use", ["viewer", "operator", "owner", "admin"]],
    ["service.start", ["operator", "admin"]],
    ["service.stop", ["operator", "admin"]],
    ["service.move", ["operator", "admin"]],
    ["node.maintenance", ["operator", "admin"]],
    ["node.confirm-off", ["operator", "admin"]],
    ["cluster.arm", ["operator", "admin"]],
    ["service.create", ["admin"]],
    ["service.change", ["admin"]],
    ["service.exec", ["admin"]],
    ["settings.change", ["admin"]],
    ["bundle.push", ["admin"]],
    ["backup.create", ["admin"]],
    ["server.join", ["admin"]],
    ["node.join", ["admin"]],
    ["token.create", ["admin"]],
    ["user.create", ["admin"]],
  ];
  for (const [permission, allowed] of cases) {
    for (const role of roleNames) {
      const outcome = permits([grant(role)], { permission, objects: [] });
      assert.equal(outcome.ok, allowed.includes(role), `${role} ${permission}`);
      if (!outcome.ok) assert.equal(outcome.error.missing, permission);
    }
  }
});

test("permits() lets an owner do what concerns their objects only, and names the first that is another's", () => {
  const owner = grant("owner", { ownsNodes: [node("n1")], ownsServices: [service("a")] });
  const own = { kind: "service", id: service("a") } as const;
  const foreign = { kind: "service", id: service("b") } as const;
  for (const permission of ["service.create", "service.exec", "rule.change"] as const) {
    assert.ok(permits([owner], { permission, objects: [own] }).ok, permission);
    const mixed = permits([owner], { permission, objects: [own, foreign] });
    assert.deepEqual(mixed, { ok: false, error: { missing: permission, object: foreign } });
  }
  const ownNode = { kind: "node", id: node("n1") } as const;
  assert.ok(permits([owner], { permission: "node.maintenance", objects: [ownNode] }).ok);
  assert.ok(!permits([owner], { permission: "settings.change", objects: [own] }).ok);
  assert.ok(!permits([owner], { permission: "token.create", objects: [own] }).ok);
  assert.ok(!permits([], { permission: "cluster.read", objects: [] }).ok, "nobody may nothing");
});

/** The same in as few words as possible: one grant, one object at a time. */
function simplyPermits(held: Grant, permission: Permission, object: AccessObject | undefined) {
  const { least, also } = permissionLine(permission);
  if (held.role === "admin" || least === "viewer") return true;
  if (held.role === "operator") return least === "operator";
  if (held.role !== "owner" || also !== "owner" || object === undefined) return false;
  return [...held.ownsNodes, ...held.ownsServices].some((id) => id === object.id);
}

test(`permits() is the conjunction over grants and objects (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(anyGrant, { minLength: 1, maxLength: 3 }), anyNeed, (grants, need) => {
      const each = need.objects.length === 0 ? [undefined] : need.objects;
      const expected = grants.every((held) =>
        each.every((object) => simplyPermits(held, need.permission, object)),
      );
      assert.equal(permits(grants, need).ok, expected);
    }),
    options,
  );
});

test(`couldPermit() never refuses what permits() allows (seed ${seed})`, () => {
  fc.assert(
    fc.property(fc.array(anyGrant, { maxLength: 3 }), anyNeed, (grants, need) => {
      if (permits(grants, need).ok) assert.ok(couldPermit(grants, need.permission));
    }),
    options,
  );
});

test(`covers(): whoever is given less never may what the giver may not (seed ${seed})`, () => {
  fc.assert(
    fc.property(anyGrant, anyGrant, anyNeed, (held, given, need) => {
      if (covers(held, given) && permits([given], need).ok) assert.ok(permits([held], need).ok);
    }),
    options,
  );
});

test("covers() lets nobody but admins give what they do not have", () => {
  const owner = grant("owner", { ownsServices: [service("a")] });
  assert.ok(covers(grant("admin"), grant("admin")));
  assert.ok(covers(grant("operator"), grant("viewer")));
  assert.ok(covers(owner, owner));
  assert.ok(!covers(grant("operator"), grant("admin")));
  assert.ok(!covers(grant("operator"), owner));
  assert.ok(!covers(grant("viewer"), grant("operator")));
  assert.ok(!covers(owner, grant("owner", { ownsServices: [service("b")] })));
});

test("permissionsOf() says the same as permits()", () => {
  for (const role of roleNames) {
    const { always, owned } = permissionsOf(role);
    const held = grant(role, { ownsNodes: nodes, ownsServices: services });
    for (const permission of permissionNames) {
      assert.equal(always.includes(permission), permits([held], { permission, objects: [] }).ok);
      const withObject = permits([held], { permission, objects: objects.slice(0, 1) }).ok;
      assert.equal(always.includes(permission) || owned.includes(permission), withObject);
    }
  }
  assert.equal(permissionNames.length, Object.keys(permissions).length);
});
