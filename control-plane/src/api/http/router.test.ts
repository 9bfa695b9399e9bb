import { defineRoute, type RouteDefinition } from "@fluxo/contracts/http/route";
import { expect, test } from "vitest";
import type { ApiServices } from "../services.ts";
import { routeTable, type Gate } from "./router.ts";

const route = defineRoute({
  operationId: "getThing",
  method: "get",
  path: "/v1/thing",
  tag: "Things",
  summary: "Read a thing",
  description: "A thing.",
  scope: "authenticated",
  subject: "caller",
  responses: { 204: { description: "Nothing." } },
  problems: [],
});
// Registration asks for none of their members.
const nothing = {} as unknown as ApiServices & Gate;
const register = (definition: RouteDefinition): unknown => routeTable({ getThing: definition }, { getThing: () => ({ status: 204 }) }, nothing, nothing);

test("registers a route that says who may call it", () => {
  expect(() => register(route)).not.toThrow();
});

test("refuses a route without a scope, with an unknown one, or without a handler", () => {
  const { scope: _scope, ...unguarded } = route;
  expect(() => register(unguarded as unknown as RouteDefinition)).toThrow("The operation getThing names no scope.");
  expect(() => register({ ...route, scope: "everything" } as unknown as RouteDefinition)).toThrow("names no scope");
  expect(() => routeTable({ getThing: route }, {}, nothing, nothing)).toThrow("The operation getThing has no handler.");
});

test("refuses a public route with a subject, and a guarded one without", () => {
  expect(() => register({ ...route, scope: "public" })).toThrow("public");
  expect(() => register({ ...route, subject: "none" })).toThrow("public");
});
