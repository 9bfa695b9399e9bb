import { z } from "zod";

/** Where variables come from: `process.env`, or a literal in tests. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One variable that cannot be used as it is. */
export interface ConfigProblem {
  readonly variable: string;
  /** What is wrong; never holds the value. */
  readonly problem: string;
  /** What to do about it: the description of the variable in its schema. */
  readonly remedy: string;
}

/** The environment does not fit the schema. Its message lists every variable at fault and never holds a value. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "CONFIG_INVALID";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(({ variable, problem, remedy }) => `  ${variable}: ${problem}.${remedy === "" ? "" : ` ${remedy}`}`);
    super(`The configuration cannot be used. Correct these environment variables and start again:\n${lines.join("\n")}`);
    this.problems = problems;
  }
}

/**
 * Reads the variables that `schema` names from `env`. An empty variable counts as absent, because charts and compose files set empty strings.
 * The result is frozen deeply.
 * @throws ConfigError that names each variable at fault, what is wrong and what to do.
 */
export function loadConfig<S extends z.ZodObject>(schema: S, env: Environment): Readonly<z.output<S>> {
  const names = Object.keys(schema.shape);
  const given = Object.fromEntries(names.flatMap((name) => (isGiven(env[name]) ? [[name, env[name]]] : [])));
  const parsed = schema.safeParse(given);
  if (parsed.success) return freezeDeep(parsed.data);
  throw new ConfigError(problemsOf(parsed.error.issues, schema, given));
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value.trim() !== "";
}

function problemsOf(issues: readonly z.core.$ZodIssue[], schema: z.ZodObject, given: Readonly<Record<string, unknown>>): ConfigProblem[] {
  return issues.map((issue) => {
    const variable = String(issue.path[0] ?? "(several)");
    const isAbsent = issue.path.length === 1 && issue.code === "invalid_type" && !Object.hasOwn(given, variable);
    return { variable, problem: isAbsent ? "is not set" : issue.message, remedy: describe(schema.shape[variable]) };
  });
}

/** A variable as documentation tells it. `fallback` is the default as text; absent for a variable that must be set. */
export interface VariableDescription {
  readonly name: string;
  readonly description: string;
  readonly fallback?: string;
}

/** The variables of a service in the order of their schema. */
export function describeVariables(schema: z.ZodObject): VariableDescription[] {
  return Object.entries(schema.shape).map(([name, variable]) => {
    const isOptional = schema.safeParse({}).error?.issues.every(({ path }) => path[0] !== name) ?? true;
    const fallback: unknown = variable instanceof z.ZodDefault ? variable.def.defaultValue : "";
    return { name, description: describe(variable), ...(isOptional ? { fallback: String(fallback) } : {}) };
  });
}

/** The description of a schema, or of the schema that it wraps (`optional`, `default`). */
function describe(schema: unknown): string {
  for (let current = schema; current instanceof z.ZodType; ) {
    if (current.description !== undefined) return current.description;
    const inner: unknown = "innerType" in current.def ? current.def.innerType : undefined;
    current = inner;
  }
  return "";
}

function freezeDeep<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || value instanceof URL) return value;
  for (const inner of Object.values(value)) freezeDeep(inner);
  return Object.freeze(value);
}

/** A whole number within bounds, both included. */
export function intVariable(bounds: { readonly min: number; readonly max: number }) {
  const message = `must be a whole number from ${bounds.min} to ${bounds.max}`;
  return z
    .string()
    .trim()
    .regex(/^-?\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= bounds.min && value <= bounds.max, message);
}

const SWITCH_WORDS: ReadonlyMap<string, boolean> = new Map([
  ["true", true], ["1", true], ["yes", true], ["on", true],
  ["false", false], ["0", false], ["no", false], ["off", false],
]);

/** A switch: true/1/yes/on or false/0/no/off, in any case. */
export function booleanVariable() {
  return z
    .string()
    .trim()
    .toLowerCase()
    .refine((word) => SWITCH_WORDS.has(word), "must be true or false")
    .transform((word) => SWITCH_WORDS.get(word) === true);
}

/** An absolute URL with one of `protocols` (without the colon), kept as the string that was given, without a trailing slash. */
export function urlVariable(protocols: readonly string[]) {
  const message = `must be an absolute URL that starts with ${protocols.map((protocol) => `${protocol}://`).join(" or ")}`;
  return z
    .string()
    .trim()
    .refine((text) => hasProtocol(text, protocols), message)
    .transform((text) => text.replace(/\/+$/, ""));
}

function hasProtocol(text: string, protocols: readonly string[]): boolean {
  const url = URL.parse(text);
  return url !== null && text.includes("://") && url.hostname !== "" && protocols.includes(url.protocol.slice(0, -1));
}

/** Items separated by commas, trimmed, empty ones dropped; each must match `item`. */
export function listVariable(item: { readonly pattern: RegExp; readonly shape: string }) {
  return z
    .string()
    .transform((text) => text.split(",").map((part) => part.trim()).filter((part) => part !== ""))
    .refine((items) => items.every((part) => item.pattern.test(part)), `must be a comma-separated list of ${item.shape}`);
}

/** A secret of at least `minLength` characters. Errors about it say so and nothing else. */
export function secretVariable(options: { readonly minLength: number }) {
  return z
    .string()
    .trim()
    .refine((secret) => secret.length >= options.minLength, `must have at least ${options.minLength} characters`);
}

/** A key in base64 or base64url that decodes to exactly `bytes` bytes. */
export function keyVariable(options: { readonly bytes: number }) {
  const message = `must be ${options.bytes} bytes in base64`;
  return z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9+/_-]+={0,2}$/, message)
    .transform((text) => Buffer.from(text, "base64"))
    .refine((key) => key.length === options.bytes, message);
}

/** Keys as `keyVariable` takes them, separated by commas. Errors never hold one. */
export function keyListVariable(options: { readonly bytes: number }) {
  const key = keyVariable(options);
  return z
    .string()
    .transform((text) => text.split(",").map((part) => part.trim()).filter((part) => part !== ""))
    .refine((parts) => parts.every((part) => key.safeParse(part).success), `must be keys of ${options.bytes} bytes in base64, separated by commas`)
    .transform((parts) => parts.map((part) => Buffer.from(part, "base64")));
}
