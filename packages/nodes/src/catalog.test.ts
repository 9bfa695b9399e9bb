import { TIERS } from "@fluxo/core/node/definition";
import { describe, expect, test } from "vitest";
import { catalog, describeCatalog, findDefinition, isNodeType, nodeTiers } from "./catalog.ts";
import { describeNodeContract } from "./testing/node.contract.ts";

const types = Object.keys(catalog).filter(isNodeType);

const TIER_OF = {
  "trigger.webhook": "FREE",
  "trigger.manual": "FREE",
  "trigger.workflow": "FREE",
  "trigger.error": "FREE",
  "trigger.schedule": "FREE",
  "trigger.rss": "FREE",
  "trigger.email": "FREE",
  "trigger.file": "STARTER",
  set: "FREE",
  if: "FREE",
  switch: "STARTER",
  merge: "STARTER",
  filter: "FREE",
  "for-each": "STARTER",
  parse: "FREE",
  format: "FREE",
  "date-time": "FREE",
  hash: "FREE",
  deduplicate: "STARTER",
  compare: "STARTER",
  aggregate: "FREE",
  sort: "FREE",
  limit: "FREE",
  "http.request": "FREE",
  "ai.prompt": "PRO",
  "s3.object": "STARTER",
  "document.generate": "STARTER",
  "email.send": "STARTER",
  "postgresql.query": "STARTER",
  transform: "FREE",
  code: "STARTER",
  delay: "FREE",
  "workflow.execute": "FREE",
  respond: "FREE",
  stop: "FREE",
} as const;

const TRANSIENT: ReadonlySet<string> = new Set(["http.request", "ai.prompt", "s3.object", "email.send", "postgresql.query", "trigger.email", "trigger.file", "deduplicate", "compare", "transform", "code"]);

/** Where it is not ten seconds. */
const TIMEOUT_MS: Readonly<Record<string, number>> = {
  "http.request": 30_000,
  "ai.prompt": 120_000,
  "s3.object": 60_000,
  "document.generate": 30_000,
  "email.send": 60_000,
  "trigger.email": 60_000,
  "trigger.file": 60_000,
  "postgresql.query": 60_000,
  transform: 60_000,
  code: 60_000,
};

for (const type of types) {
  describeNodeContract(type);
}

describe("the catalog", () => {
  test("has these node types, with the tiers that plans know", () => {
    expect(Object.fromEntries(describeCatalog().map(({ type, tier }) => [type, tier]))).toEqual(TIER_OF);
  });

  test.each(types)("finds %s", (type) => {
    expect(findDefinition(type)).toBe(catalog[type]);
  });

  test.each(["", "unknown", "constructor", "__proto__", "toString", "hasOwnProperty", "HTTP.REQUEST"])("does not find %j", (type) => {
    expect(findDefinition(type)).toBeUndefined();
  });

  test("ranks the tiers of all types", () => {
    const ranks = { FREE: 0, STARTER: 1, PRO: 2 };
    expect(nodeTiers()).toEqual(Object.fromEntries(Object.entries(TIER_OF).map(([type, tier]) => [type, ranks[tier]])));
    expect(TIERS.slice(0, 3)).toEqual(Object.keys(ranks));
  });

  test("retries what may reach something that fails, and has its time limits as documented", () => {
    for (const { type, retryClass, defaultTimeoutMs } of describeCatalog()) {
      expect({ type, retryClass, defaultTimeoutMs }).toEqual({ type, retryClass: TRANSIENT.has(type) ? "transient" : "never", defaultTimeoutMs: TIMEOUT_MS[type] ?? 10_000 });
    }
  });

  test("describes every type as JSON", () => {
    const described = describeCatalog();
    expect(described.map(({ type }) => type)).toEqual(types);
    expect(JSON.parse(JSON.stringify(described))).toEqual(described);
  });

  test("tells fixed ports from those that parameters make", () => {
    const ports = new Map(describeCatalog().map((description) => [description.type, description.ports]));
    expect(ports.get("if")).toEqual({ names: ["true", "false"], dependOnParams: false });
    expect(ports.get("switch")).toEqual({ names: ["default"], dependOnParams: true });
  });
});
