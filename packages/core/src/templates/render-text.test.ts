import { describe, expect, test } from "vitest";
import type { Json } from "../json.ts";
import { templateContext } from "./context.ts";
import { renderText } from "./render.ts";

const context = templateContext({ trigger: { a: 1, list: [1, 2] }, execution: {}, outputs: new Map<string, Json>([["name", "<b>"]]), aliases: new Map() });

describe("renderText", () => {
  test("writes every value as it is told to, and the text between as it stands", () => {
    expect(renderText("<i>{{ name }}</i> {{ trigger.list }}{{ trigger.a }}", context, (value) => `[${JSON.stringify(value)}]`)).toBe('<i>["<b>"]</i> [[1,2]][1]');
    expect(renderText("{{ name | upper }}", context, String)).toBe("<B>");
    expect(renderText("", context, String)).toBe("");
  });

  test("fails as templates do", () => {
    expect(() => renderText("{{ name", context, String)).toThrow(expect.objectContaining({ code: "TEMPLATE_SYNTAX" }));
    expect(() => renderText("{{ trigger.b }}", context, String)).toThrow(expect.objectContaining({ code: "TEMPLATE_REFERENCE_MISSING" }));
    expect(() => renderText("{{ name }}{{ name }}", context, () => "x".repeat(600_000))).toThrow(expect.objectContaining({ code: "TEMPLATE_VALUE_REFUSED" }));
  });
});
