import { TIERS } from "@fluxo/core/node/definition";
import { describe, expect, test } from "vitest";
import { catalog, describeCatalog, findDefinition, isNodeType, nodeTiers } from "./catalog.ts";
import { describeNodeContract } from "./testing/node.contract.ts";

const types = Object.keys(catalog).filter(isNodeType);

for (const type of types) {
  describeNodeContract(type);
}

describe("the catalog", () => {
  test("has the first node types", () => {
    expect(types.toSorted()).toEqual(["delay", "http.request", "if", "merge", "respond", "set", "stop", "switch", "trigger.manual", "trigger.webhook"]);
  });

  test.each(types)("finds %s", (type) => {
    expect(findDefinition(type)).toBe(catalog[type]);
  });

  test.each(["", "unknown", "constructor", "__proto__", "toString", "hasOwnProperty", "HTTP.REQUEST"])("does not find %j", (type) => {
    expect(findDefinition(type)).toBeUndefined();
  });

  test("ranks the tiers of all types", () => {
    expect(nodeTiers()).toEqual({
      "trigger.webhook": 0,
      "trigger.manual": 0,
      set: 0,
      if: 0,
      switch: 1,
      merge: 1,
      "http.request": 0,
      delay: 0,
      respond: 0,
      stop: 0,
    });
    expect(TIERS.slice(0, 2)).toEqual(["FREE", "STARTER"]);
  });

  test("retries and time limits are as documented", () => {
    for (const { type, retryClass, defaultTimeoutMs } of describeCatalog()) {
      expect({ type, retryClass, defaultTimeoutMs }).toEqual({
        type,
        retryClass: type === "http.request" ? "transient" : "never",
        defaultTimeoutMs: type === "http.request" ? 30_000 : 10_000,
      });
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
