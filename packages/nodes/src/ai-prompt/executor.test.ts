import type { JsonObject } from "@fluxo/core/json";
import type { NodeContext } from "@fluxo/core/node/executor";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { executeNode } from "../registry.ts";
import { AI_KEY, anthropicMessage, chatCompletion, type ModelAnswer } from "../testing/ai-provider.ts";
import { CountedTokens } from "../testing/counted-tokens.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { MemoryCredentials } from "../testing/memory-credentials.ts";
import { nodeContext } from "../testing/node-context.ts";
import { Provider } from "../testing/provider.ts";

const IDS = { compatible: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a11", anthropic: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a12", openai: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a13", wrong: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a14" };
type Api = keyof typeof IDS;

const ai = (id: string, provider: "openai-compatible" | "anthropic", baseUrl: string, apiKey = AI_KEY) => ({ id, kind: "ai" as const, fields: { provider, baseUrl, apiKey }, accessToken: undefined });
const credentials = new MemoryCredentials([
  ai(IDS.compatible, "openai-compatible", "https://models.example.com/v1/"),
  ai(IDS.openai, "openai-compatible", "https://api.openai.com/v1"),
  ai(IDS.anthropic, "anthropic", "https://api.anthropic.com/v1"),
  ai(IDS.wrong, "anthropic", "https://api.anthropic.com/v1", "wrong-key"),
]);

const MODELS = { compatible: "llama-4", openai: "gpt-4.1-mini", anthropic: "claude-haiku-4-5", wrong: "claude-haiku-4-5" };
const SCHEMA: JsonObject = {
  type: "object",
  properties: { mood: { type: "string", enum: ["good", "bad"] }, score: { type: "number", minimum: 0, maximum: 1 } },
  required: ["mood", "score"],
  additionalProperties: false,
};

let provider: Provider;
beforeAll(async () => {
  provider = await Provider.start();
});
beforeEach(() => {
  provider.requests.length = 0;
});
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(async () => {
  await provider[Symbol.asyncDispose]();
});

async function ask(api: Api, params: JsonObject, answer: ModelAnswer, parts: Partial<NodeContext> = {}): Promise<ReturnType<typeof doneOf>> {
  provider.reply = (request) => (api === "anthropic" || api === "wrong" ? anthropicMessage(request, answer) : chatCompletion(request, answer));
  return asked(api, params, parts);
}

async function asked(api: Api, params: JsonObject = {}, parts: Partial<NodeContext> = {}): Promise<ReturnType<typeof doneOf>> {
  const all = { credential: IDS[api], model: MODELS[api], prompt: "Hello?", ...params };
  return doneOf(await executeNode("ai.prompt", all, nodeContext({ http: provider, credentials, aiTokens: new CountedTokens(), ...parts })));
}

function lastBody(): unknown {
  const body: unknown = JSON.parse(provider.requests.at(-1)?.body ?? "null");
  return body;
}

const APIS: readonly Api[] = ["compatible", "openai", "anthropic"];

describe("a text", () => {
  test.each(APIS)("comes from %s, whose documentation the request keeps to", async (api) => {
    const { output } = await ask(api, { system: "Be brief.", temperature: 0.5, maxOutputTokens: 50 }, { text: "Hi." });
    expect(output).toEqual({ text: "Hi.", finishReason: "stop" });
    expect(provider.requests).toHaveLength(1);
    expect(provider.requests[0]?.headers).toMatchObject({ "idempotency-key": "execution-1:node:0" });
  });

  test("is asked for with the roles and limits of each API", async () => {
    await ask("compatible", { system: "Be brief." }, { text: "Hi." });
    expect(lastBody()).toMatchObject({ max_tokens: 4_096, messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "Hello?" }] });
    await ask("openai", {}, { text: "Hi." });
    expect(lastBody()).toMatchObject({ max_completion_tokens: 4_096, messages: [{ role: "user", content: "Hello?" }] });
    await ask("anthropic", { system: "Be brief." }, { text: "Hi." });
    expect(lastBody()).toMatchObject({ max_tokens: 4_096, system: [{ type: "text", text: "Be brief." }], messages: [{ role: "user" }] });
  });

  test.each<[Api, string]>([
    ["compatible", "length"],
    ["anthropic", "max_tokens"],
  ])("of %s that is cut says so", async (api, finish) => {
    expect((await ask(api, {}, { text: "On and", finish })).output).toEqual({ text: "On and", finishReason: "length" });
  });

  test("is data: templates in it stay as they are", async () => {
    expect((await ask("anthropic", {}, { text: "{{ trigger.secret }}" })).output).toMatchObject({ text: "{{ trigger.secret }}" });
  });
});

describe("an object", () => {
  test.each(APIS)("comes from %s by its own means", async (api) => {
    const { output } = await ask(api, { schema: SCHEMA }, { text: '{"mood":"good","score":0.5}' });
    expect(output).toEqual({ object: { mood: "good", score: 0.5 }, finishReason: "stop" });
    expect(JSON.stringify(lastBody())).toContain('"enum":["good","bad"]');
  });

  test("is strict only when its schema is", async () => {
    await ask("compatible", { schema: SCHEMA }, { text: '{"mood":"good","score":0.5}' });
    expect(lastBody()).toMatchObject({ response_format: { json_schema: { strict: true } } });
    await ask("compatible", { schema: { type: "object", properties: { a: { type: "string" } } } }, { text: "{}" });
    expect(lastBody()).toMatchObject({ response_format: { json_schema: { strict: false } } });
  });

  test.each<[string, string, string]>([
    ["is not JSON", "The mood is good.", "it is not JSON"],
    ["is not an object", "[1]", "the answer must be object"],
    ["lacks a member", '{"mood":"good"}', "/score must be there"],
    ["is out of bounds", '{"mood":"good","score":7}', "/score must be at most 1"],
    ["is none of the values", '{"mood":"s3cret","score":1}', "/mood must be one of the values"],
    ["has more members", '{"mood":"bad","score":1,"x":1}', "/x must not be there"],
  ])("that %s fails with what is wrong", async (_what, text, named) => {
    for (const api of APIS) {
      const error = await nodeErrorOf(ask(api, { schema: SCHEMA }, { text }));
      expect(error).toMatchObject({ errorClass: "DATA", code: "PROVIDER_REJECTED" });
      expect(error.message).toContain(named);
      expect(error.message).not.toContain("s3cret");
    }
  });

  test("that is cut says so", async () => {
    expect((await nodeErrorOf(ask("compatible", { schema: SCHEMA }, { text: '{"mood":"go', finish: "length" }))).message).toContain("cut at maxOutputTokens");
  });
});

describe("the tokens of the plan", () => {
  const usage = { input: 30, output: 12 };
  test("are taken before the call and settled by what the provider tells", async () => {
    const aiTokens = new CountedTokens(10_000);
    await ask("openai", { maxOutputTokens: 500 }, { text: "Hi.", usage }, { aiTokens });
    expect([aiTokens.used, aiTokens.held]).toEqual([42, 0]);
  });

  test("that are not enough for what the call could use keep it from being made", async () => {
    const aiTokens = new CountedTokens(1_500);
    const error = await nodeErrorOf(ask("openai", { maxOutputTokens: 500 }, { text: "Hi.", usage }, { aiTokens }));
    expect(error).toMatchObject({ errorClass: "REFUSED", code: "AI_TOKENS_EXCEEDED" });
    expect(provider.requests).toEqual([]);
    await ask("openai", { maxOutputTokens: 400 }, { text: "Hi.", usage }, { aiTokens });
    expect([aiTokens.used, aiTokens.held]).toEqual([42, 0]);
  });

  test("count in full when the provider tells nothing, also for an answer that fails the node, and not for a refusal", async () => {
    const aiTokens = new CountedTokens();
    await ask("compatible", { maxOutputTokens: 500 }, { text: "Hi." }, { aiTokens });
    expect([aiTokens.used, aiTokens.held]).toEqual([6 + 1_024 + 500, 0]);
    await nodeErrorOf(ask("openai", { schema: SCHEMA }, { text: "no JSON", usage }, { aiTokens }));
    expect([aiTokens.used, aiTokens.held]).toEqual([1_530 + 42, 0]);
    await nodeErrorOf(ask("wrong", {}, { text: "" }, { aiTokens }));
    expect([aiTokens.used, aiTokens.held]).toEqual([1_530 + 42, 0]);
  });
});

describe("usage", () => {
  const usage = { input: 1_000, output: 501 };
  test.each<[Api, JsonObject, number | null]>([
    ["openai", {}, 1_202],
    ["anthropic", {}, 3_505],
    ["anthropic", { model: "claude-haiku-4-5-20251001" }, 3_505],
    ["openai", { model: "gpt-99" }, null],
    ["compatible", { model: "gpt-4.1-mini" }, null],
    ["compatible", { pricePerMillion: { input: 0.1, output: 0.2 } }, 201],
    ["openai", { pricePerMillion: { input: 0, output: 0 } }, 0],
  ])("of %s with %j costs %j millionths of a dollar", async (api, params, costMicros) => {
    const result = await ask(api, params, { text: "Hi.", usage });
    expect(result.usage).toEqual({ model: params["model"] ?? MODELS[api], inputTokens: 1_000, outputTokens: 501, costMicros });
  });

  test.each(['{"mood":"fair","score":2}', "no JSON at all"])("is charged too when the answer cannot be used: %s", async (text) => {
    const error = await nodeErrorOf(ask("openai", { schema: SCHEMA }, { text, usage }));
    expect([error.code, error.usage]).toEqual(["PROVIDER_REJECTED", { model: MODELS.openai, inputTokens: 1_000, outputTokens: 501, costMicros: 1_202 }]);
  });

  test("is left out when the provider tells none", async () => {
    expect(await ask("compatible", {}, { text: "Hi." })).not.toHaveProperty("usage");
  });
});

describe("failures", () => {
  test.each<[number, Record<string, string>, JsonObject]>([
    [401, {}, { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" }],
    [403, {}, { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" }],
    [429, { "retry-after": "9" }, { errorClass: "RATE_LIMIT", code: "PROVIDER_RATE_LIMITED", retryAfterMs: 9_000 }],
    [500, {}, { errorClass: "SERVER", code: "PROVIDER_FAILED" }],
    [529, {}, { errorClass: "SERVER", code: "PROVIDER_FAILED" }],
    [400, {}, { errorClass: "DATA", code: "PROVIDER_REJECTED" }],
  ])("follow the status %i, after one request", async (status, headers, expected) => {
    for (const api of APIS) {
      provider.requests.length = 0;
      provider.reply = { status, headers: { "content-type": "application/json", ...headers }, body: '{"type":"error","error":{"type":"x","message":"no luck"}}' };
      const error = await nodeErrorOf(asked(api));
      expect(error).toMatchObject(expected);
      expect(error.message).toContain("no luck");
      expect(provider.requests).toHaveLength(1);
    }
  });

  test("tell of a wrong key as the provider does", async () => {
    expect(await nodeErrorOf(ask("wrong", {}, { text: "" }))).toMatchObject({ code: "CREDENTIAL_REJECTED" });
  });

  test.each<[Api, ModelAnswer]>([
    ["compatible", { text: "", refusal: "I cannot help with that." }],
    ["compatible", { text: "", finish: "content_filter" }],
    ["anthropic", { text: "", finish: "refusal" }],
  ])("of a model of %s that refuses are not tried again", async (api, answer) => {
    for (const params of [{}, { schema: SCHEMA }]) {
      const error = await nodeErrorOf(ask(api, params, answer));
      expect(error).toMatchObject({ errorClass: "DATA", code: "PROVIDER_REJECTED" });
      expect(error.message).toContain("refused");
    }
  });

  test.each(["{}", "<html>", '{"choices":[]}'])("for an answer that cannot be read: %s", async (body) => {
    provider.reply = { headers: { "content-type": "application/json" }, body };
    expect(await nodeErrorOf(asked("compatible"))).toMatchObject({ errorClass: "SERVER", code: "PROVIDER_FAILED" });
    expect(await nodeErrorOf(asked("anthropic"))).toMatchObject({ errorClass: "SERVER", code: "PROVIDER_FAILED" });
  });

  test("of the connection, of time and of size come from the port", async () => {
    provider.reply = "broken";
    expect(await nodeErrorOf(asked("anthropic"))).toMatchObject({ errorClass: "CONNECTION", code: "CONNECTION_FAILED" });
    provider.reply = "silent";
    expect(await nodeErrorOf(asked("compatible", {}, { timeoutMs: 50 }))).toMatchObject({ errorClass: "TIMEOUT", code: "NODE_TIMEOUT" });
    provider.reply = { body: "x".repeat(8_388_609) };
    expect(await nodeErrorOf(asked("compatible"))).toMatchObject({ code: "RESPONSE_TOO_LARGE" });
  });

  test("of a cancel are its reason", async () => {
    provider.reply = "silent";
    const controller = new AbortController();
    const reason = new Error("canceled");
    const attempt = asked("anthropic", {}, { signal: controller.signal });
    await expect.poll(() => provider.requests.length).toBe(1);
    controller.abort(reason);
    await expect(attempt).rejects.toBe(reason);
  });

  test.each<[JsonObject, string]>([
    [{ schema: { type: "array" } }, "/schema/type must be object"],
    [{ schema: { type: "object", properties: { a: { type: "string", pattern: "(a+)+$" } } } }, "is not a keyword"],
    [{ schema: { type: "object", $ref: "#" } }, "/schema/$ref is not a keyword"],
    [{ prompt: "" }, "/prompt"],
    [{ maxOutputTokens: 0 }, "/maxOutputTokens"],
    [{ pricePerMillion: { input: 1 } }, "/pricePerMillion/output"],
  ])("of the parameters: %j", async (params, named) => {
    const error = await nodeErrorOf(asked("compatible", params));
    expect(error).toMatchObject({ code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
  });
});

test("nothing is printed, whatever the library warns of", async () => {
  const printed = (["log", "info", "warn", "error", "debug"] as const).map((name) => vi.spyOn(console, name));
  const emitted = vi.spyOn(process, "emitWarning");
  await ask("anthropic", { temperature: 2, maxOutputTokens: 200_000, prompt: "s3cret" }, { text: "Hi." });
  for (const spy of [...printed, emitted]) {
    expect(spy).not.toHaveBeenCalled();
  }
});
