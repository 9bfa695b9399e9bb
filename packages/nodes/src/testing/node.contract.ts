import { at } from "@fluxo/core/collections";
import type { ErrorCode } from "@fluxo/core/errors/codes";
import { graphSchema } from "@fluxo/core/graph/graph";
import { validateGraph } from "@fluxo/core/graph/validate";
import type { Json, JsonObject } from "@fluxo/core/json";
import { childOutput, type ChildOutcome } from "@fluxo/core/node/child";
import type { NodeDefinition } from "@fluxo/core/node/definition";
import type { NodeContext, NodeResult } from "@fluxo/core/node/executor";
import { loopOutput } from "@fluxo/core/node/loop";
import { templateContext } from "@fluxo/core/templates/context";
import { compileTemplates } from "@fluxo/core/templates/render";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { describeDefinition, findDefinition, type NodeType } from "../catalog.ts";
import { executeNode } from "../registry.ts";
import { isJson } from "../schemas/json.ts";
import { exampleDial } from "./example-dial.ts";
import { EXAMPLE_FILE, examplePorts } from "./example-ports.ts";
import { EXAMPLE_REPLIES } from "./example-replies.ts";
import { nodeErrorOf } from "./failures.ts";
import { nodeContext } from "./node-context.ts";
import { Provider } from "./provider.ts";
import { RECORDED_INPUTS } from "./recorded-inputs.ts";

/** Types whose purpose it is to fail, with the code they fail with. */
const FAILS_WITH: Partial<Record<NodeType, ErrorCode>> = { stop: "STOPPED_BY_WORKFLOW" };

const EXAMPLE_PORTS = await examplePorts();

/** The child that nodes which call one find. */
const ENDED_CHILD: ChildOutcome = { executionId: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", status: "SUCCESS", results: { last: 1 }, errorCode: null, errorMessage: null };

/** What the templates of examples find. */
const TRIGGER: JsonObject = {
  method: "POST",
  headers: { "content-type": "application/json" },
  query: {},
  body: { id: 7, customerId: "c/1", email: "Ada@Example.com", items: [1, 2], sku: "A-1", total: 1200, orders: 1, tags: ["new"], country: "DE", plan: "paid", file: EXAMPLE_FILE },
};

/** What every node type of the catalog keeps to. */
export function describeNodeContract(type: NodeType): void {
  describe(`node type ${type}`, () => {
    const definition = definitionOf(type);
    describe("definition", () => {
      describeDefinitionContract(type, definition);
    });
    describe("executor", () => {
      describeExecutorContract(type, definition);
    });
  });
}

function describeDefinitionContract(type: NodeType, definition: NodeDefinition): void {
  test("is listed under its own name, with a title and docs", () => {
    expect(definition.type).toBe(type);
    expect(definition.type.length).toBeLessThanOrEqual(64);
    expect(definition.title).not.toBe("");
    expect(definition.docs.length).toBeGreaterThan(40);
    expect(definition.defaultTimeoutMs).toBeGreaterThan(0);
  });

  test("has examples that differ, each with a title, each of valid parameters", () => {
    expect(definition.examples.length).toBeGreaterThan(0);
    expect(new Set(definition.examples.map(({ title }) => title)).size).toBe(definition.examples.length);
    for (const { title, params } of definition.examples) {
      expect(title).not.toBe("");
      expect(definition.params.safeParse(params).error?.issues ?? []).toEqual([]);
      expect(isJson(params)).toBe(true);
    }
  });

  test("has examples that can be published", () => {
    for (const { params } of definition.examples) {
      expect(validateGraph(graphAround(type, definition, params), { get: findDefinition })).toEqual([]);
    }
  });

  test("names its ports, the same ones each time, never `error`", () => {
    for (const params of [{}, ...definition.examples.map((example) => objectOf(example.params))]) {
      const ports = definition.ports(params);
      expect(ports.length).toBeGreaterThan(0);
      expect(new Set(ports).size).toBe(ports.length);
      expect(definition.ports(params)).toEqual(ports);
      expect(ports).not.toContain("error");
      expect(ports.filter((port) => port.length === 0 || port.length > 64)).toEqual([]);
    }
  });

  test("refuses unknown parameters", () => {
    for (const { params } of definition.examples) {
      const issues = definition.params.safeParse({ ...objectOf(params), unknownParameter: 1 }).error?.issues ?? [];
      expect(issues.map(({ code }) => code)).toContain("unrecognized_keys");
    }
  });

  test("guards repeats only of what acts outside, and for its examples without failing", () => {
    for (const { params } of definition.examples) {
      const guards = definition.guardsRepeat?.(objectOf(params)) ?? false;
      expect(guards && definition.sideEffect === "none").toBe(false);
    }
    expect(definition.sideEffect === "none" || definition.integration !== null).toBe(true);
  });

  test("has JSON Schemas, which are JSON", () => {
    const { paramsSchema, outputSchema } = describeDefinition(definition);
    expect(paramsSchema).toMatchObject({ type: "object", additionalProperties: false });
    expect(JSON.parse(JSON.stringify(paramsSchema))).toEqual(paramsSchema);
    expect(JSON.parse(JSON.stringify(outputSchema))).toEqual(outputSchema);
    // As input, the same schema for everyone who asks.
    expect(z.toJSONSchema(definition.params, { io: "input", unrepresentable: "any" })).toEqual(paramsSchema);
  });
}

function describeExecutorContract(type: NodeType, definition: NodeDefinition): void {
  let provider: Provider;
  beforeAll(async () => {
    provider = await Provider.start();
    provider.reply = EXAMPLE_REPLIES[type] ?? provider.reply;
  });
  afterAll(async () => {
    await provider[Symbol.asyncDispose]();
  });

  const cases = definition.examples.map(({ title, params }) => ({ title, params: rendered(params, definition.literalParams) }));
  test.each(cases)("gives the same valid result twice: $title", async ({ params }) => {
    const before = JSON.stringify(params);
    const first = await outcomeOf(type, params, contextWith(type, provider));
    const second = await outcomeOf(type, params, contextWith(type, provider, { attempt: 2 }));
    expect(second).toEqual(first);
    expect(JSON.stringify(params)).toBe(before);
    expect(first.failsWith).toBe(FAILS_WITH[type]);
    expect(isJson(first.output)).toBe(true);
    expect(definition.ports(objectOf(params))).toEqual(expect.arrayContaining([...first.ports]));
    const problems = first.failsWith === undefined ? definition.output.safeParse(first.output).error?.issues : [];
    expect(problems ?? []).toEqual([]);
  });

  test("does not begin when its signal is aborted", async () => {
    const reason = new Error("canceled");
    const seen = provider.requests.length;
    const context = contextWith(type, provider, { signal: AbortSignal.abort(reason) });
    await expect(executeNode(type, at(cases, 0).params, context)).rejects.toBe(reason);
    expect(provider.requests.length).toBe(seen);
  });

  test("stops waiting for the outside when its signal aborts", async () => {
    const usual = provider.reply;
    provider.reply = "silent";
    const seen = provider.requests.length;
    const controller = new AbortController();
    const reason = new Error("canceled");
    const attempt = executeNode(type, at(cases, 0).params, contextWith(type, provider, { signal: controller.signal })).catch((error: unknown) => error);
    const isWaiting = definition.integration !== null;
    await expect.poll(() => provider.requests.length > seen).toBe(isWaiting);
    controller.abort(reason);
    // Code ends by itself or is killed, whichever comes first.
    const runsCode = definition.literalParams !== undefined;
    expect((await attempt) === reason || runsCode).toBe(isWaiting || runsCode);
    provider.reply = usual;
  });

  test("answers parameters that do not fit with PARAMS_INVALID and the field", async () => {
    const params = { ...objectOf(at(cases, 0).params), unknownParameter: "s3cret-value" };
    const error = await nodeErrorOf(executeNode(type, params, contextWith(type, provider)));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain("unknownParameter");
    expect(error.message).not.toContain("s3cret-value");
  });
}

/** How an attempt ended, in one shape for success and failure. */
interface Outcome {
  readonly output: Json;
  readonly ports: readonly string[];
  readonly resumeAt: Date | undefined;
  readonly failsWith: ErrorCode | undefined;
}

async function outcomeOf(type: NodeType, params: Json, context: NodeContext): Promise<Outcome> {
  const attempt = executeNode(type, params, context);
  if (FAILS_WITH[type] !== undefined) {
    return { output: null, ports: [], resumeAt: undefined, failsWith: (await nodeErrorOf(attempt)).code };
  }
  const result = await attempt;
  return {
    output: outputOf(result),
    ports: result.kind === "done" ? (result.ports ?? ["main"]) : ["main"],
    resumeAt: result.kind === "suspended" ? result.resumeAt : undefined,
    failsWith: undefined,
  };
}

/** The output that the result comes to. */
function outputOf(result: NodeResult): Json {
  if (result.kind === "child") return childOutput(ENDED_CHILD, result.start.toleratesFailure);
  return result.kind === "loop" ? loopOutput(result.work.items, new Map()) : result.output;
}

function contextWith(type: NodeType, provider: Provider, parts: Partial<NodeContext> = {}): NodeContext {
  const inputs = [
    { nodeId: "left", port: "main", output: { a: 1, b: 1 } },
    { nodeId: "right", port: "true", output: { b: 2, c: 3 } },
  ];
  return nodeContext({ http: provider, dial: exampleDial(provider), ...EXAMPLE_PORTS, trigger: RECORDED_INPUTS[type] ?? TRIGGER, inputs, ...parts });
}

function rendered(params: unknown, literalParams: readonly string[] | undefined): JsonObject {
  return compileTemplates(objectOf(params), literalParams).render(templateContext({ trigger: TRIGGER, execution: {}, outputs: new Map(), aliases: new Map() }));
}

function graphAround(type: NodeType, { kind }: NodeDefinition, params: unknown): z.output<typeof graphSchema> {
  const node = { id: "node", type, params };
  const trigger = { id: "start", type: "trigger.manual" };
  return graphSchema.parse(kind === "trigger" ? { nodes: [node], edges: [] } : { nodes: [trigger, node], edges: [{ from: "start", to: "node" }] });
}

function definitionOf(type: NodeType): NodeDefinition {
  const definition = findDefinition(type);
  if (definition === undefined) {
    throw new RangeError(`The catalog has no ${type}.`);
  }
  return definition;
}

function objectOf(params: unknown): JsonObject {
  return z.record(z.string(), z.json()).parse(params);
}
