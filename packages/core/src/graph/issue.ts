import type { ErrorCode } from "../errors/codes.ts";

/** The codes that say what is wrong with a graph. */
export type GraphIssueCode = Extract<
  ErrorCode,
  | "GRAPH_WITHOUT_TRIGGER"
  | "NODE_ID_DUPLICATE"
  | "ALIAS_DUPLICATE"
  | "NAME_RESERVED"
  | "NODE_TYPE_UNKNOWN"
  | "EDGE_DANGLING"
  | "EDGE_DUPLICATE"
  | "EDGE_INTO_TRIGGER"
  | "PORT_UNKNOWN"
  | "GRAPH_CYCLE"
  | "NODE_UNREACHABLE"
  | "LOOP_NOT_CLOSED"
  | "LOOP_NESTED"
  | "LOOP_NODE_REFUSED"
  | "PARAMS_INVALID"
  | "CODE_INVALID"
  | "TEMPLATE_SYNTAX"
  | "TEMPLATE_REFERENCE_UNKNOWN"
  | "TEMPLATE_PATH_UNKNOWN"
  | "TEMPLATE_TYPE_MISMATCH"
  | "CHILD_UNAVAILABLE"
  | "CREDENTIAL_UNKNOWN"
  | "CREDENTIAL_KIND_WRONG"
  | "PLACEHOLDER_INVALID"
  | "TEMPLATE_LOCKED"
>;

/** One problem of a graph. `path` is a JSON pointer into the graph; `nodeId` names the node at fault, where there is one. */
export interface GraphIssue {
  readonly code: GraphIssueCode;
  readonly nodeId?: string;
  readonly path: string;
  readonly message: string;
}
