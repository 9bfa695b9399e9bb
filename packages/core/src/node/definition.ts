import type { z } from "zod";
import type { CredentialKind } from "../credentials/kinds.ts";
import type { Json } from "../json.ts";

/** Tiers from the smallest to the largest; a plan of a tier includes the node types of all tiers before it. */
export const TIERS = ["FREE", "STARTER", "PRO", "AGENCY"] as const;
export type Tier = (typeof TIERS)[number];

/** The default retry policy of a node type: `never`, or `transient` (rate limit, connection, timeout, server errors). */
export type RetryClass = "never" | "transient";

/**
 * `none`: running it again changes nothing outside. `keyed`: it acts outside and hands over a key that stays the same over attempts.
 * An action that its provider cannot recognize by key asks for an intent row before it acts (see `guardsRepeat`).
 */
export type SideEffect = "none" | "keyed";

/** A parameter at the top level of `params` that holds the id of a credential. */
export interface CredentialParam {
  readonly param: string;
  readonly kinds: readonly CredentialKind[];
}

/** A mistake in a parameter that its schema cannot tell. */
export interface ParamIssue {
  readonly code: "CODE_INVALID";
  /** Where, from the top level of `params`. */
  readonly path: readonly string[];
  readonly message: string;
}

/** The data contract of a node type: everything about it but how it runs. */
export interface NodeDefinition<P extends z.ZodType = z.ZodType, O extends z.ZodType = z.ZodType> {
  readonly type: string;
  readonly kind: "trigger" | "flow" | "data" | "action";
  readonly title: string;
  /** Markdown shown in the catalog and in the generated docs. */
  readonly docs: string;
  readonly tier: Tier;
  /** The parameters after templates are filled in. */
  readonly params: P;
  readonly output: O;
  /** The JSON Schema of the output where the parameters as saved tell more than `output` does: whatever they become must fit it. Undefined where they do not. */
  readonly outputSchema?: (rawParams: Readonly<Record<string, unknown>>) => z.core.JSONSchema.BaseSchema | undefined;
  /** Output ports for the parameters as saved (templates not filled in). `error` exists on every node with `onError: "branch"`. */
  readonly ports: (rawParams: Readonly<Record<string, unknown>>) => readonly string[];
  readonly retryClass: RetryClass;
  readonly sideEffect: SideEffect;
  /** Whether, with these parameters, an attempt of unknown outcome must not be repeated: the engine then writes an intent first. */
  readonly guardsRepeat?: (rawParams: Readonly<Record<string, unknown>>) => boolean;
  /** Of a loop: the port that leads into its body, which is run once per item (see `Plan.loops`). */
  readonly bodyPort?: string;
  /** Whether the node has no place in the body of a loop. */
  readonly isOutsideLoops?: boolean;
  /** Whether, with these parameters, the node goes on with the first branch that arrives instead of waiting for all of them. */
  readonly joinsFirst?: (rawParams: Readonly<Record<string, unknown>>) => boolean;
  /** The outside system it talks to, as failure ranking groups it; null for none. */
  readonly integration: string | null;
  /** Of triggers that a dispatcher watches a source for: what identifies the source, of valid parameters. A change of it means a new baseline. */
  readonly sourceKey?: (params: Readonly<Record<string, unknown>>) => Json;
  /** The parameters that name a credential by its id, and the kinds that fit. They are read as saved: no template can make one. */
  readonly credentials?: readonly CredentialParam[];
  /** Parameters at the top level that are taken as written: code and the like. No template in them is read, so that no value can become code. */
  readonly literalParams?: readonly string[];
  /** What is wrong with parameters that fit the schema; asked when a graph is validated. Bounded in time, and runs nothing of what it is given. */
  readonly findIssues?: (rawParams: Readonly<Record<string, unknown>>) => readonly ParamIssue[];
  readonly defaultTimeoutMs: number;
  /** Valid parameters, each with a line that says what they do; a contract test parses them. */
  readonly examples: readonly { readonly title: string; readonly params: z.input<P> }[];
}

/** Keeps the exact schema types of a definition while checking its shape. */
export function defineNode<P extends z.ZodType, O extends z.ZodType>(definition: NodeDefinition<P, O>): NodeDefinition<P, O> {
  return definition;
}

/** Ports of a node that does not branch. */
export const MAIN_PORT = ["main"] as const;
