/** A cluster's picture as lines of text: what state it is in, its nodes, its services. */
import type { NodeId, ServiceId } from "../../core/ids.ts";
import type { ClusterView, NodeView, ProcessState, ServiceView } from "../../sim/play/view.ts";
import type { Colours } from "../format/colours.ts";
import { formatSpan } from "../format/quantity.ts";
import type { Cell } from "../format/table.ts";
import { type Column, fittingTable } from "./fitting-table.ts";

export interface DrawOptions {
  /** Columns of the terminal; undefined: lines are as long as they need. */
  readonly widthMax: number | undefined;
  readonly colours: Colours;
  /** Marked, if it is in the picture. */
  readonly selected: NodeId | ServiceId | undefined;
}

/** The nodes, a line each, below a header. */
export function drawNodes(view: ClusterView, options: DrawOptions): readonly string[] {
  return fittingTable(nodeColumns(options), view.nodes, fittingOf(options));
}

/** The services, a line each, below a header. */
export function drawServices(view: ClusterView, options: DrawOptions): readonly string[] {
  return fittingTable(serviceColumns(options), view.services, fittingOf(options));
}

/** Who is manager, whether the cluster acts by itself, and whether all safety rules were kept so far. */
export function clusterWords({ managers, arming, brokenRules }: ClusterView): string {
  const manager = managers.length === 0 ? "no manager" : `manager: ${managers.join(", ")}`;
  const armed = arming.state === "armed" ? "armed" : `${arming.state} (${arming.mode})`;
  const rules = brokenRules.length === 0 ? "S1-S9 kept" : `BROKEN: ${brokenRules.join(", ")}`;
  return `${manager}   ${armed}   ${rules}`;
}

function fittingOf({ widthMax, colours }: DrawOptions): {
  readonly widthMax: number | undefined;
  readonly paintHeader: (text: string) => string;
} {
  return { widthMax, paintHeader: (text) => colours.paint("bold", text) };
}

function nodeColumns({ colours, selected }: DrawOptions): readonly Column<NodeView>[] {
  const switched = (on: boolean): Cell => (on ? "on" : painted(colours, "red", "off"));
  return [
    {
      title: " NODE",
      importance: 10,
      cell: ({ node }) => marked(colours, node, selected),
    },
    { title: "STATE", importance: 9, cell: (node) => nodeState(colours, node) },
    { title: "POWER", importance: 8, cell: ({ powered }) => switched(powered) },
    { title: "NETWORK", importance: 7, cell: (node) => networkCell(colours, node) },
    { title: "LEASE", importance: 6, cell: ({ leaseLeftMs }) => left(leaseLeftMs) },
    { title: "WATCHDOG", importance: 4, cell: (node) => watchdogCell(colours, node) },
    { title: "AGENT", importance: 3, cell: ({ agent }) => processCell(colours, agent) },
    { title: "SERVER", importance: 2, cell: (node) => serverCell(colours, node) },
    { title: "RUNS", importance: 5, cell: ({ running }) => runningWords(running) },
  ];
}

function marked(colours: Colours, id: string, selected: string | undefined): Cell {
  if (id !== selected) return ` ${id}`;
  return { text: `>${id}`, paint: (text) => colours.paint("bold", text) };
}

function painted(colours: Colours, style: "red" | "yellow" | "cyan", text: string): Cell {
  return { text, paint: (value) => colours.paint(style, value) };
}

function nodeState(colours: Colours, { state, maintenance, mode }: NodeView): Cell {
  if (state === undefined) return "-";
  if (mode !== "enabled") return painted(colours, "yellow", `${state} (${mode})`);
  if (maintenance && state !== "maintenance") {
    return painted(colours, "yellow", `${state} (maintenance wanted)`);
  }
  return colours.nodeState(state);
}

function networkCell(colours: Colours, { powered, connected, quorate }: NodeView): Cell {
  if (!powered) return "-";
  if (!connected) return painted(colours, "red", "off");
  return quorate ? "on" : painted(colours, "yellow", "no quorum");
}

function left(ms: number | undefined): string {
  return ms === undefined ? "-" : formatSpan(ms);
}

function watchdogCell(colours: Colours, node: NodeView): Cell {
  if (!node.powered) return "-";
  if (node.watchdogPaused) return painted(colours, "yellow", "frozen");
  if (node.watchdogLeftMs === undefined) return "idle";
  return `acts in ${formatSpan(node.watchdogLeftMs)}`;
}

function processCell(colours: Colours, state: ProcessState): Cell {
  switch (state) {
    case "runs":
      return "runs";
    case "paused":
      return painted(colours, "yellow", "frozen");
    case "down":
      return painted(colours, "red", "down");
    case "none":
      return "-";
  }
}

function serverCell(colours: Colours, { server, isManager }: NodeView): Cell {
  if (isManager && server === "runs") return painted(colours, "cyan", "manager");
  return processCell(colours, server);
}

function runningWords(running: readonly ServiceId[]): string {
  if (running.length === 0) return "-";
  const names = running.map((service) => service.slice(service.indexOf(":") + 1)).sort();
  return `${running.length}: ${names.join(", ")}`;
}

function serviceColumns({ colours, selected }: DrawOptions): readonly Column<ServiceView>[] {
  return [
    {
      title: " SERVICE",
      importance: 10,
      cell: ({ service }) => marked(colours, service, selected),
    },
    { title: "STATE", importance: 9, cell: (service) => serviceState(colours, service) },
    { title: "NODE", importance: 8, cell: nodeWords },
    { title: "RUNS ON", importance: 7, cell: (service) => truthCell(colours, service) },
    { title: "WANTED", importance: 4, cell: ({ requested }) => requested },
    { title: "SINCE", importance: 5, cell: ({ forMs }) => formatSpan(forMs) },
    { title: "WHY", importance: 6, cell: ({ reason }) => reason },
  ];
}

function serviceState(colours: Colours, { state }: ServiceView): Cell {
  return state === "new" ? "new" : colours.serviceState(state);
}

function nodeWords({ node, target }: ServiceView): string {
  if (node === undefined) return "-";
  return target === undefined ? node : `${node} -> ${target}`;
}

/** Where it runs in truth; what is neither there nor gone is told by its driver's word. */
function truthCell(colours: Colours, { runsOn, copyState, requested }: ServiceView): Cell {
  if (runsOn.length > 1) return painted(colours, "red", runsOn.join(" and "));
  const [node] = runsOn;
  if (node !== undefined) return node;
  if (copyState !== undefined) return painted(colours, "yellow", copyState);
  return requested === "started" ? painted(colours, "red", "nowhere") : "nowhere";
}
