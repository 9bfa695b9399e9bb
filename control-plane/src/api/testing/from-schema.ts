import fc from "fast-check";

/** A JSON Schema as the API document has it. */
export type Schema = Readonly<Record<string, unknown>>;

const DEPTH_MAX = 6;
/** The pattern of names: anything that is no control character. */
const NO_CONTROL = String.raw`^\P{Cc}*$`;
const printable = fc.string({ unit: "binary", minLength: 1, maxLength: 1 }).filter((character) => !/\p{Cc}/u.test(character));

/**
 * Values that a schema of the API document allows, as far as it says so: rules that are code only are not in it.
 * @param components the document's named schemas
 */
export function fromSchema(schema: Schema, components: Readonly<Record<string, Schema>>, depth = 0): fc.Arbitrary<unknown> {
  const inner = (value: unknown): fc.Arbitrary<unknown> => fromSchema(isSchema(value) ? value : {}, components, depth + 1);
  const { $ref: reference } = schema;
  if (typeof reference === "string") {
    const name = reference.split("/").at(-1) ?? "";
    return name === "JsonValue" || depth > DEPTH_MAX ? fc.jsonValue({ maxDepth: 2 }) : fromSchema(components[name] ?? {}, components, depth + 1);
  }
  if ("const" in schema) return fc.constant(schema["const"]);
  if (Array.isArray(schema["enum"])) return fc.constantFrom<unknown[]>(...(schema["enum"] as unknown[]));
  const options = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(options)) return fc.oneof(...options.map(inner));
  if (Array.isArray(schema["allOf"])) return fromSchema(Object.assign({}, ...(schema["allOf"] as object[])) as Schema, components, depth + 1);
  // What the document gives as an example is often the only value that rules in code let pass.
  if (isScalar(schema["example"])) return fc.oneof(fc.constant(schema["example"]), byType(schema, inner, depth));
  return byType(schema, inner, depth);
}

function byType(schema: Schema, inner: (value: unknown) => fc.Arbitrary<unknown>, depth: number): fc.Arbitrary<unknown> {
  const type = Array.isArray(schema["type"]) ? fc.constantFrom<unknown[]>(...(schema["type"] as unknown[])).chain((one) => byType({ ...schema, type: one }, inner, depth)) : undefined;
  return type ?? ofType(schema, inner, depth);
}

function ofType(schema: Schema, inner: (value: unknown) => fc.Arbitrary<unknown>, depth: number): fc.Arbitrary<unknown> {
  switch (schema["type"]) {
    case "string":
      return textOf(schema);
    case "integer":
      return fc.integer({ min: Math.max(numberOr(schema["minimum"], -1_000), -2_147_483_648), max: Math.min(numberOr(schema["maximum"], 100_000), 2_147_483_647) });
    case "number":
      return fc.double({ min: numberOr(schema["minimum"], -1e6), max: numberOr(schema["maximum"], 1e6), noNaN: true });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array": {
      const minLength = numberOr(schema["minItems"], 0);
      return fc.array(inner(schema["items"]), { minLength, maxLength: Math.max(minLength, Math.min(numberOr(schema["maxItems"], 3), depth > DEPTH_MAX ? 0 : 3)) });
    }
    case "object":
      return objectOf(schema, inner);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function objectOf(schema: Schema, inner: (value: unknown) => fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"].filter((name): name is string => typeof name === "string") : [];
  const known = fc.record(Object.fromEntries(Object.entries(properties).map(([name, value]) => [name, inner(value)])), { requiredKeys: required, noNullPrototype: true });
  if (!isSchema(schema["additionalProperties"])) return known;
  const names = isSchema(schema["propertyNames"]) ? textOf(schema["propertyNames"]) : fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
  const others = fc.dictionary(names, inner(schema["additionalProperties"]), { maxKeys: 3, noNullPrototype: true });
  return fc.tuple(others, known).map(([some, own]) => ({ ...some, ...own }));
}

function textOf(schema: Schema): fc.Arbitrary<string> {
  const minLength = numberOr(schema["minLength"], 0);
  const maxLength = Math.max(minLength, Math.min(numberOr(schema["maxLength"], 24), 200));
  const { format, pattern } = schema;
  if (format === "uuid") return fc.uuid({ version: 7 });
  if (format === "date-time") return fc.date({ min: new Date("2020-01-01T00:00:00Z"), max: new Date("2030-01-01T00:00:00Z"), noInvalidDate: true }).map((date) => date.toISOString());
  if (format === "uri") return fc.webUrl();
  if (format === "email") return fc.stringMatching(/^[a-z]{1,8}@[a-z]{1,8}\.com$/);
  // As the next, which would try every character there is, for seconds.
  if (pattern === NO_CONTROL) return fc.string({ unit: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(..."abcdefghij XYZ019-_.") }, { weight: 1, arbitrary: printable }), minLength, maxLength });
  if (typeof pattern === "string") {
    try {
      // Several pieces one after the other often match as well, and are long enough where one is too short.
      const rule = new RegExp(pattern, "u");
      return fc.array(fc.stringMatching(rule), { minLength: 1, maxLength: 8 }).map((pieces) => {
        const texts = pieces.map((_piece, index) => pieces.slice(0, index + 1).join(""));
        return texts.find((text) => text.length >= minLength && text.length <= numberOr(schema["maxLength"], 100_000) && rule.test(text)) ?? texts[0] ?? "";
      });
    } catch {
      return fc.string({ minLength: Math.max(1, minLength), maxLength });
    }
  }
  return fc.string({ minLength, maxLength });
}

function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}
