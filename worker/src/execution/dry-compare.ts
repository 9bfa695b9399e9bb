import { canonicalJson } from "@fluxo/core/canonical-json";
import type { Json, JsonObject } from "@fluxo/core/json";
import { jsonBytes } from "@fluxo/core/size";
import type { RecordedNode } from "@fluxo/prisma/executions/dry-rerun";

/** How a node was answered for in a dry rerun: anew, from the record, or not at all. */
export type DryAnswer = "computed" | "record" | "notRecorded" | "notComputed";

/** What one node would do now. */
export interface DryNode extends RecordedNode {
  readonly answer: DryAnswer;
}

export interface DryComparison {
  readonly counts: JsonObject;
  readonly nodes: JsonObject[];
  readonly nodesOmitted: number;
}

/** Nodes that are listed. */
const NODES_MAX = 500;

/** Outputs above this are shown by their beginning. Bytes of JSON. */
const OUTPUT_SHOWN_MAX = 8_192;

/**
 * Compares two journals node by node. Nodes that were skipped have no part.
 * @param before what is recorded, in plan order
 * @param now what it would be, in plan order
 */
export function compareJournals(before: readonly RecordedNode[], now: readonly DryNode[]): DryComparison {
  const recorded = new Map(before.filter(hasPart).map((node) => [keyOf(node), node]));
  const ofNow = now.filter((node) => hasPart(node) || recorded.has(keyOf(node)));
  const seen = new Set(ofNow.map(keyOf));
  const compared = [
    ...ofNow.map((node) => compareNode(recorded.get(keyOf(node)), node)),
    ...[...recorded.values()].filter((node) => !seen.has(keyOf(node))).map((node) => compareNode(node, undefined)),
  ];
  const counts: Record<string, number> = {};
  for (const { outcome } of compared) counts[outcome] = (counts[outcome] ?? 0) + 1;
  const listed = compared.length <= NODES_MAX ? compared : [...compared.filter(({ outcome }) => outcome !== "same"), ...compared.filter(({ outcome }) => outcome === "same")].slice(0, NODES_MAX);
  return { counts, nodes: listed.map((node) => ({ ...node })), nodesOmitted: compared.length - listed.length };
}

/** A value as it is shown: whole, or by its beginning. */
export function bounded(name: string, value: Json): JsonObject {
  const bytes = jsonBytes(value);
  return bytes <= OUTPUT_SHOWN_MAX ? { [name]: value } : { [`${name}Begins`]: JSON.stringify(value).slice(0, OUTPUT_SHOWN_MAX / 2), bytes };
}

type Compared = JsonObject & { readonly outcome: string };

function compareNode(before: RecordedNode | undefined, now: DryNode | undefined): Compared {
  const { nodeId, name, type, item } = now ?? before ?? { nodeId: "", name: "", type: "", item: 0 };
  const outcome = outcomeOf(before, now);
  const answeredBy = now === undefined || !hasPart(now) || now.answer === "notRecorded" || now.answer === "notComputed" ? "none" : now.answer;
  const base = { nodeId, name, type, item, outcome, answeredBy };
  if (outcome === "same") return base;
  return { ...base, ...(before === undefined ? {} : { before: shown(before) }), ...(now === undefined || answeredBy === "none" ? {} : { now: shown(now) }) };
}

function outcomeOf(before: RecordedNode | undefined, now: DryNode | undefined): string {
  if (now?.answer === "notRecorded" || now?.answer === "notComputed") return now.answer;
  if (now === undefined || !hasPart(now)) return "onlyBefore";
  if (before === undefined) return "onlyNow";
  return canonicalJson(essence(before)) === canonicalJson(essence(now)) ? "same" : "different";
}

function hasPart(node: RecordedNode | DryNode): boolean {
  return node.status !== "SKIPPED" || ("answer" in node && (node.answer === "notRecorded" || node.answer === "notComputed"));
}

function essence({ type, status, ports, output, failure }: RecordedNode): Json {
  return { type, status, ports: [...ports], output, failure: failure === null ? null : { code: failure.code, message: failure.message } };
}

function shown({ status, ports, output, failure }: RecordedNode): JsonObject {
  return { status, ports: [...ports], ...bounded("output", output), ...(failure === null ? {} : { error: { code: failure.code, message: failure.message } }) };
}

function keyOf({ nodeId, item }: RecordedNode): string {
  return `${nodeId}:${item}`;
}
