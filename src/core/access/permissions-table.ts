/** Every permission there is, in one table: who has it, and in words what it is for. */

/** Roles of people and their programs, from the one that may least. `owner` may more, but of given objects only. */
export const roleNames = ["viewer", "operator", "owner", "admin"] as const;
export type RoleName = (typeof roleNames)[number];

interface PermissionLine {
  /** The least of these roles that has it for every object. */
  readonly least: "viewer" | "operator" | "admin";
  /** `owner`: it is about nodes or services, and those who own all that it touches have it too. */
  readonly also?: "owner";
  /** What needs nothing else is done in a frozen cluster, too: it changes nothing, or helps to end the freeze. */
  readonly whileFrozen?: "goes-on";
  /** What one may do with it. */
  readonly words: string;
}

/** The permissions, by name. */
export const permissions = {
  "cluster.read": {
    least: "viewer",
    whileFrozen: "goes-on",
    words: "see everything that is no secret",
  },
  "account.use": {
    least: "viewer",
    whileFrozen: "goes-on",
    words: "see who one is; change one's own password, logins and tokens",
  },
  "service.start": { least: "operator", also: "owner", words: "have a service run" },
  "service.stop": {
    least: "operator",
    also: "owner",
    words: "stop, disable or ignore a service",
  },
  "service.move": { least: "operator", also: "owner", words: "migrate or relocate a service" },
  "service.locate": {
    least: "operator",
    also: "owner",
    words: "say where a service was moved by hand",
  },
  "service.create": { least: "admin", also: "owner", words: "add a service" },
  "service.change": {
    least: "admin",
    also: "owner",
    words: "change the configuration of a service",
  },
  "service.remove": { least: "admin", also: "owner", words: "remove a service" },
  "service.exec": { least: "admin", also: "owner", words: "run a command beside a service" },
  "node.maintenance": {
    least: "operator",
    also: "owner",
    words: "put a node into maintenance, disable or flush it or put it offline, and end that",
  },
  "node.confirm-off": {
    least: "operator",
    also: "owner",
    words: "confirm that a lost node is switched off",
  },
  "node.change": { least: "admin", also: "owner", words: "change the configuration of a node" },
  "node.remove": { least: "admin", also: "owner", words: "take a node out of the cluster" },
  "node.join": { least: "admin", words: "let a machine become a node" },
  "upgrade.apply": {
    least: "admin",
    words: "begin an upgrade of the control plane",
  },
  "upgrade.order": {
    least: "admin",
    words: "pause, resume and take back the upgrade of the control plane",
    whileFrozen: "goes-on", // it freezes the cluster itself
  },
  "cluster.arm": { least: "operator", words: "disarm the cluster, and arm it again" },
  "cluster.freeze": {
    least: "operator",
    whileFrozen: "goes-on",
    words: "freeze the cluster, and end that",
  },
  "group.change": {
    least: "admin",
    also: "owner",
    words: "add, change or remove a placement group",
  },
  "hagroup.create": { least: "viewer", words: "create an HA group" },
  "hagroup.change": {
    least: "admin",
    words: "describe an HA group anew, or remove it (whoever created it may, too)",
  },
  "rule.change": { least: "admin", also: "owner", words: "add, change or remove a rule" },
  "definition.change": {
    least: "admin",
    words: "add or remove a version of a service that deployments run",
  },
  "deployment.change": { least: "admin", words: "add, change or remove a deployment" },
  "policy.change": {
    least: "admin",
    words: "add, change or remove a management policy, which upgrades agents",
  },
  "rollout.order": { least: "operator", words: "pause, resume or abort a rollout" },
  "settings.change": { least: "admin", words: "change the settings of the cluster" },
  "bundle.push": { least: "admin", words: "push a bundle" },
  "bundle.remove": { least: "admin", words: "remove a bundle" },
  "backup.create": {
    least: "admin",
    whileFrozen: "goes-on",
    words: "have everything in a file, with all keys, and say when that is done by itself",
  },
  "server.join": { least: "admin", words: "let a machine become a server" },
  "server.change": { least: "admin", words: "change what all servers have in common" },
  "server.configure": { least: "admin", words: "change settings of one server alone" },
  "server.remove": { least: "admin", words: "take a server out of the control plane" },
  "token.create": { least: "admin", words: "make tokens for others" },
  "token.revoke": { least: "admin", words: "take tokens of others back" },
  "user.create": { least: "admin", words: "add a user" },
  "user.change": { least: "admin", words: "change the role or the password of another user" },
  "user.remove": { least: "admin", words: "remove a user" },
} as const;

/** The name of one of them. */
export type Permission = keyof typeof permissions;

/** One line of the table, whatever the permission. */
export function permissionLine(permission: Permission): PermissionLine {
  return permissions[permission];
}
