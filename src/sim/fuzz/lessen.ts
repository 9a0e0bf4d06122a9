/** Plans without one of their parts: whatever names the part goes with it. */
import { type NodeId, nodeOfInstance, parseServiceId, type ServiceId } from "../../core/ids.ts";
import type { PlacementGroup, Rule } from "../../core/model/rule.ts";
import type { Action, Plan, ServicePlan, TimedAction } from "../plan.ts";
import { definitionWithoutNode, fleetWithoutNode } from "./lessen-fleet.ts";

/** The plan without the service. */
export function withoutService(plan: Plan, id: ServiceId): Plan | undefined {
  if (plan.services.length === 1) return undefined;
  const isOther = (other: ServiceId): boolean => other !== id;
  const lessRule = (rule: Rule): Rule | undefined => {
    const services = rule.services.filter(isOther);
    return services.length === 0 ? undefined : { ...rule, services };
  };
  return {
    ...plan,
    services: plan.services
      .filter((service) => isOther(service.id))
      .map((service) => withoutOrder(service, isOther)),
    rules: plan.rules.map(lessRule).filter((rule) => rule !== undefined),
    usage: plan.usage.filter(({ service }) => isOther(service)),
    actions: mapActions(plan.actions, (action) => {
      if (action.kind === "put-rule") {
        const rule = lessRule(action.rule);
        return rule === undefined ? undefined : { ...action, rule };
      }
      if (action.kind === "add") {
        if (action.service.id === id) return undefined;
        return { ...action, service: withoutOrder(action.service, isOther) };
      }
      return "service" in action && action.service === id ? undefined : action;
    }),
  };
}

function withoutOrder(service: ServicePlan, isOther: (id: ServiceId) => boolean): ServicePlan {
  return {
    ...service,
    after: service.after.filter(isOther),
    requires: service.requires.filter(isOther),
  };
}

/** The plan without the node; undefined: it is the last one, or the last one with a server. */
export function withoutNode(plan: Plan, id: NodeId): Plan | undefined {
  const nodes = plan.nodes.filter(({ node }) => node !== id);
  if (!nodes.some(({ server }) => server)) return undefined;
  const lessNodes = <T extends Rule | PlacementGroup>(part: T): T | undefined => {
    if (!("nodes" in part)) return part;
    const listed = part.nodes.filter(({ node }) => node !== id);
    return listed.length === 0 ? undefined : { ...part, nodes: listed };
  };
  const fleet = plan.fleet === undefined ? undefined : fleetWithoutNode(plan.fleet, id);
  const groups = plan.groups.map(lessNodes).filter((group) => group !== undefined);
  const names = new Set(groups.map(({ name }) => name));
  return {
    ...plan,
    ...(fleet === undefined ? {} : { fleet }),
    nodes,
    groups,
    rules: plan.rules.map(lessNodes).filter((rule) => rule !== undefined),
    services: plan.services.map((service) => ({
      ...withoutPlace(service, id),
      group: service.group !== undefined && names.has(service.group) ? service.group : undefined,
    })),
    actions: mapActions(plan.actions, (action) => actionWithoutNode(action, id, lessNodes)),
  };
}

function withoutPlace(service: ServicePlan, id: NodeId): ServicePlan {
  const { misbehaviour } = service;
  return {
    ...service,
    node: service.node === id ? undefined : service.node,
    misbehaviour: misbehaviour?.onlyOn === id ? undefined : misbehaviour,
  };
}

function actionWithoutNode(
  action: Action,
  id: NodeId,
  lessNodes: <T extends Rule | PlacementGroup>(part: T) => T | undefined,
): Action | undefined {
  if (action.kind === "put-rule") {
    const rule = lessNodes(action.rule);
    return rule === undefined ? undefined : { ...action, rule };
  }
  if (action.kind === "put-group") {
    const group = lessNodes(action.group);
    return group === undefined ? undefined : { ...action, group };
  }
  if (action.kind === "add") return { ...action, service: withoutPlace(action.service, id) };
  if (action.kind === "driver") {
    return action.misbehaviour?.onlyOn === id ? { ...action, misbehaviour: undefined } : action;
  }
  if (action.kind === "put-definition") {
    return { ...action, definition: definitionWithoutNode(action.definition, id) };
  }
  const isOfInstance = "service" in action && nodeOfService(action.service) === id;
  return isOfInstance || namesNode(action, id) ? undefined : action;
}

function nodeOfService(service: unknown): NodeId | undefined {
  if (typeof service !== "string") return undefined;
  const id = parseServiceId(service);
  return id.ok ? nodeOfInstance(id.value) : undefined;
}

function namesNode(action: Action, id: NodeId): boolean {
  if (action.kind === "cut") return action.from === id || action.to === id;
  if (action.kind === "move") return action.target === id;
  if (action.kind === "store") return action.server === id;
  return "node" in action && action.node === id;
}

/** The plan without the rule that it begins with. */
export function withoutRule(plan: Plan, name: string): Plan {
  return { ...plan, rules: plan.rules.filter((rule) => rule.name !== name) };
}

/** The plan without the group, and without its members' membership. */
export function withoutGroup(plan: Plan, name: string): Plan {
  const leave = (service: ServicePlan): ServicePlan => ({
    ...service,
    group: service.group === name ? undefined : service.group,
  });
  return {
    ...plan,
    groups: plan.groups.filter((group) => group.name !== name),
    services: plan.services.map(leave),
    actions: mapActions(plan.actions, (action) =>
      action.kind === "add" ? { ...action, service: leave(action.service) } : action,
    ),
  };
}

function mapActions(
  actions: readonly TimedAction[],
  change: (action: Action) => Action | undefined,
): readonly TimedAction[] {
  return actions.flatMap(({ atMs, action }) => {
    const changed = change(action);
    return changed === undefined ? [] : [{ atMs, action: changed }];
  });
}
