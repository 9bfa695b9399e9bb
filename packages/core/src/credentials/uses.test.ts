import { expect, test } from "vitest";
import { z } from "zod";
import { graphSchema } from "../graph/graph.ts";
import { defineNode } from "../node/definition.ts";
import { credentialIdsOf, credentialUsesOf, findCredentialIssues } from "./uses.ts";

const ID = "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";
const definition = defineNode({
  type: "call", kind: "action", title: "Call", docs: "", tier: "FREE", params: z.looseObject({}), output: z.unknown(), ports: () => ["main"],
  retryClass: "never", sideEffect: "none", integration: null, credentials: [{ param: "credential", kinds: ["bearer", "basic"] }, { param: "other", kinds: ["s3"] }], defaultTimeoutMs: 1_000, examples: [],
});
const catalog = { get: (type: string) => (type === "call" ? definition : undefined) };
const graph = graphSchema.parse({
  nodes: [
    { id: "a", type: "call", name: "A", params: { credential: ID, other: ID } },
    { id: "b", type: "call", params: { credential: "{{ trigger.id }}", unrelated: ID } },
    { id: "c", type: "unknown", params: { credential: ID } },
    { id: "d", type: "call", params: {} },
  ],
  edges: [],
});

test("finds every place that names a credential, and the ids among them", () => {
  const uses = credentialUsesOf(graph, catalog);
  expect(uses.map(({ nodeId, param, path }) => [nodeId, param, path])).toEqual([
    ["a", "credential", "/nodes/0/params/credential"],
    ["a", "other", "/nodes/0/params/other"],
    ["b", "credential", "/nodes/1/params/credential"],
  ]);
  expect(credentialIdsOf(uses)).toEqual([ID]);
});

test("each must be an id, known and of a kind that fits", () => {
  const uses = credentialUsesOf(graph, catalog);
  const codes = (known: ReadonlyMap<string, string>) => findCredentialIssues(uses, known).map(({ code, nodeId, path }) => `${code} ${nodeId} ${path}`);
  expect(codes(new Map([[ID, "bearer"]]))).toEqual(["CREDENTIAL_KIND_WRONG a /nodes/0/params/other", "CREDENTIAL_UNKNOWN b /nodes/1/params/credential"]);
  expect(codes(new Map())).toEqual(["CREDENTIAL_UNKNOWN a /nodes/0/params/credential", "CREDENTIAL_UNKNOWN a /nodes/0/params/other", "CREDENTIAL_UNKNOWN b /nodes/1/params/credential"]);
});
