import { z } from "zod";
import { CREDENTIAL_KIND_NAMES } from "../credentials/kinds.ts";
import { jsonPointer } from "../json-pointer.ts";

/** The name of a parameter: a letter, then letters and digits. */
export const parameterNameSchema = z.string().regex(/^[a-z][A-Za-z0-9]{0,63}$/, "must begin with a small letter and hold letters and digits (64 at most)");

/**
 * What begins a template of the engine. A value of a parameter must not hold it: it would be read as a template in the place where it is put.
 */
const ENGINE_TEMPLATE = "{{";

const textSchema = z
  .string()
  .max(10_000)
  .refine((text) => !text.includes(ENGINE_TEMPLATE), 'must not hold "{{"');
const common = { name: parameterNameSchema, title: z.string().trim().min(1).max(200), description: z.string().max(2_000).optional() };
const stringParameter = z.strictObject({ ...common, type: z.literal("string"), maxLength: z.int().min(1).max(10_000).default(1_000), default: textSchema.optional(), example: textSchema.optional() });
const numberParameter = z.strictObject({
  ...common,
  type: z.literal("number"),
  min: z.number().optional(),
  max: z.number().optional(),
  isInteger: z.boolean().default(false),
  default: z.number().optional(),
  example: z.number().optional(),
});
const booleanParameter = z.strictObject({ ...common, type: z.literal("boolean"), default: z.boolean().optional() });
const enumParameter = z.strictObject({ ...common, type: z.literal("enum"), options: z.array(textSchema.min(1).max(200)).min(1).max(100), default: z.string().optional() });
const credentialParameter = z.strictObject({ ...common, type: z.literal("credential"), kinds: z.array(z.enum(CREDENTIAL_KIND_NAMES)).min(1) });

/** One parameter of a workflow template. One without `default` must be given for every tenant. Secrets have no place here: credentials are named by their id. */
export const templateParameterSchema = z.discriminatedUnion("type", [stringParameter, numberParameter, booleanParameter, enumParameter, credentialParameter]);
export type TemplateParameter = z.output<typeof templateParameterSchema>;

/** The parameters that a version of a template declares: each name once, and every default one that the parameter takes. */
export const templateParametersSchema = z
  .array(templateParameterSchema)
  .max(100)
  .superRefine((parameters, context) => {
    const seen = new Set<string>();
    for (const [index, parameter] of parameters.entries()) {
      if (seen.has(parameter.name)) context.addIssue({ code: "custom", path: [index, "name"], message: "is the name of another parameter" });
      seen.add(parameter.name);
      for (const field of ["default", "example"] as const) {
        const value: unknown = Object.hasOwn(parameter, field) ? parameter[field as keyof typeof parameter] : undefined;
        const issue = value === undefined ? undefined : valueSchemaOf(parameter).safeParse(value).error?.issues[0];
        if (issue !== undefined) context.addIssue({ code: "custom", path: [index, field], message: issue.message });
      }
    }
  });

export type ParameterValue = string | number | boolean;
export type ParameterValues = Readonly<Record<string, ParameterValue>>;
export const parameterValuesSchema = z.record(parameterNameSchema, z.union([z.string().max(10_000), z.number(), z.boolean()]));

/** One value at fault; `path` is a JSON pointer into the values. */
export interface ParameterIssue {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** What a parameter takes. */
function valueSchemaOf(parameter: TemplateParameter): z.ZodType {
  switch (parameter.type) {
    case "string":
      return textSchema.max(parameter.maxLength);
    case "number": {
      const number = parameter.isInteger ? z.int() : z.number();
      return number.min(parameter.min ?? -Number.MAX_VALUE).max(parameter.max ?? Number.MAX_VALUE);
    }
    case "boolean":
      return z.boolean();
    case "enum":
      return z.enum(parameter.options);
    case "credential":
      return z.uuid();
    default:
      return parameter satisfies never;
  }
}

/**
 * The values of all declared parameters for one tenant: the given ones, else their defaults.
 * `issues`: values that are missing, do not fit or are not declared; then `values` is not to be used.
 */
export function resolveParameters(parameters: readonly TemplateParameter[], given: ParameterValues): { readonly values: ParameterValues; readonly issues: readonly ParameterIssue[] } {
  const declared = new Set(parameters.map(({ name }) => name));
  const issues: ParameterIssue[] = Object.keys(given).flatMap((name) => (declared.has(name) ? [] : [{ path: jsonPointer([name]), code: "unrecognized_keys", message: "is no parameter of this version" }]));
  const values: [string, ParameterValue][] = [];
  for (const parameter of parameters) {
    const path = jsonPointer([parameter.name]);
    const value = Object.hasOwn(given, parameter.name) ? given[parameter.name] : defaultOf(parameter);
    if (value === undefined) {
      issues.push({ path, code: "required", message: "must be given: it has no default" });
      continue;
    }
    const issue = valueSchemaOf(parameter).safeParse(value).error?.issues[0];
    if (issue === undefined) values.push([parameter.name, value]);
    else issues.push({ path, code: issue.code, message: issue.message });
  }
  return { values: Object.fromEntries(values), issues };
}

function defaultOf(parameter: TemplateParameter): ParameterValue | undefined {
  return parameter.type === "credential" ? undefined : parameter.default;
}

/** A credential that no tenant has, in the place of one when a template is judged without a tenant. */
export const SAMPLE_CREDENTIAL_ID = "00000000-0000-7000-8000-000000000000";

/** A value for every parameter, to judge a template as a whole before any tenant has it. */
export function sampleValues(parameters: readonly TemplateParameter[]): ParameterValues {
  return Object.fromEntries(parameters.map((parameter) => [parameter.name, sampleOf(parameter)]));
}

function sampleOf(parameter: TemplateParameter): ParameterValue {
  switch (parameter.type) {
    case "string":
      return parameter.example ?? parameter.default ?? "example".slice(0, parameter.maxLength);
    case "number":
      return parameter.example ?? parameter.default ?? parameter.min ?? Math.min(0, parameter.max ?? 0);
    case "boolean":
      return parameter.default ?? false;
    case "enum":
      return parameter.default ?? parameter.options[0] ?? "";
    case "credential":
      return SAMPLE_CREDENTIAL_ID;
    default:
      return parameter satisfies never;
  }
}

/** The values of an earlier version that mean something to this one: what is declared still, and fits. */
export function carriedValues(parameters: readonly TemplateParameter[], before: ParameterValues): ParameterValues {
  return Object.fromEntries(
    parameters.flatMap((parameter): [string, ParameterValue][] => {
      const value = Object.hasOwn(before, parameter.name) ? before[parameter.name] : undefined;
      return value !== undefined && valueSchemaOf(parameter).safeParse(value).success ? [[parameter.name, value]] : [];
    }),
  );
}
