import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { FILE_BYTES_MAX, fileRefSchema } from "@fluxo/core/ports/files";
import { z } from "zod";
import { triggerFilterSchema } from "../filters/schema.ts";
import { credentialIdSchema } from "../schemas/credential.ts";
import { jsonObjectSchema } from "../schemas/json.ts";
import { patternProblem } from "./pattern.ts";

/** Bytes of a path, relative to what is watched. */
export const PATH_BYTES_MAX = 1_000;

/** Bytes of content that are held in memory, and that one look takes, at most. */
export const CONTENT_BYTES_MAX = 10_485_760;
/** Bytes of a file whose content is recorded in the occurrence itself, in base64: every plan allows such an input. What is larger is copied to the files first. */
export const INLINE_CONTENT_BYTES_MAX = 16_384;

export const FILE_EVENTS = ["added", "changed", "removed", "renamed"] as const;
export type FileEvent = (typeof FILE_EVENTS)[number];

const folderSchema = z.string().max(500).superRefine((path, context) => {
  const refuse = (message: string): void => context.addIssue({ code: "custom", message });
  if (/\p{Cc}/u.test(path) || !path.isWellFormed()) refuse("must hold no control characters and no half characters");
  if (path !== "" && path.split("/").some((segment) => segment === "" || segment === "." || segment === "..")) {
    refuse("must be relative, without empty parts, . and .. between slashes");
  }
});

const bucketSchema = z
  .string()
  .min(3)
  .max(63)
  .regex(/^[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*$/, "must be a bucket name: lower-case letters, digits, hyphens and dots");

const sourceSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("folder"), path: folderSchema.describe("The folder, below the tenant's own. Empty for that itself.") }).describe("A folder of this installation."),
  z
    .strictObject({
      kind: z.literal("s3"),
      bucket: bucketSchema.describe("The bucket."),
      prefix: z.string().max(500).default("").describe("What the keys begin with; paths are told without it."),
    })
    .describe("A bucket of a store that speaks S3."),
]);

const patternSchema = z.string().min(1).max(200).superRefine((pattern, context) => {
  const problem = patternProblem(pattern);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const stabilitySchema = z.discriminatedUnion("mode", [
  z.strictObject({
    mode: z.literal("size"),
    quietMs: z.int().min(0).max(3_600_000).default(5_000).describe("Milliseconds without a change; an empty file waits ten times as long."),
  }).describe("A file is complete when nothing wrote to it for some time."),
  z.strictObject({
    mode: z.literal("doneFile"),
    suffix: z.string().regex(/^[\w.-]{1,32}$/, "must be letters, digits, dots, hyphens and underscores").default(".done").describe("The end of the second file's name."),
  }).describe("A file is complete when a second one is there, of the same name with a suffix. That one is never told."),
  z.strictObject({ mode: z.literal("renameIn") }).describe("A file is complete as soon as it is there: who writes renames it into place."),
]);

const paramsSchema = z
  .strictObject({
    source: sourceSchema.describe("What is watched."),
    credential: credentialIdSchema.optional().describe("With a bucket: the id of a credential of the kind s3, which names the endpoint. Not a template."),
    include: z.array(patternSchema).min(1).max(20).default(["**"]).describe("Patterns of paths that count: `*`, `?`, `**` between slashes, `[abc]`, `{csv,txt}`."),
    exclude: z.array(patternSchema).max(20).default([]).describe("Patterns of paths that do not count."),
    events: z.array(z.enum(FILE_EVENTS)).min(1).max(4).default(["added", "changed"]).describe("What is told."),
    stability: stabilitySchema.default({ mode: "size", quietMs: 5_000 }).describe("With a folder: when a file is complete. Objects of a bucket always are."),
    hash: z.enum(["none", "sha256"]).default("none").describe("With a folder: with `sha256`, a file that was touched or written anew with the same content did not change."),
    content: z.enum(["none", "reference"]).default("none").describe("Whether the file's content is stored and given as a file reference, or only what happened is told."),
    contentBytesMax: z.int().min(1).max(1_073_741_824).default(104_857_600).describe("With `content: reference`: the largest file whose content is given, in bytes; the installation may allow less."),
    intervalSeconds: z.int().min(10).max(86_400).default(60).describe("Seconds between two looks; the plan may ask for more."),
    itemsMax: z.int().min(1).max(1_000).default(200).describe("Most changes that one look takes; the rest comes with the next look, at once."),
    filter: triggerFilterSchema.optional(),
  })
  .superRefine(({ source, credential, events }, context) => {
    if ((source.kind === "s3") !== (credential !== undefined)) {
      context.addIssue({ code: "custom", path: ["credential"], message: source.kind === "s3" ? "must be there, because a bucket is watched" : "must be absent, unless a bucket is watched" });
    }
    if (new Set(events).size !== events.length) context.addIssue({ code: "custom", path: ["events"], message: "must name each event once" });
  });

export type FileTriggerParams = z.output<typeof paramsSchema>;
/** The parameters as the trigger keeps them. */
export const fileParamsSchema = paramsSchema;

/** Why a change comes without content though it is asked for. */
export const MISSING_REASONS = ["removed", "tooLarge", "unreadable"] as const;
export type MissingReason = (typeof MISSING_REASONS)[number];

/** What the dispatcher records with `content: reference`: the content is part of it, so that it is committed with the occurrence. */
export const recordedChangeSchema = z.strictObject({
  event: z.enum(FILE_EVENTS),
  path: z.string(),
  previousPath: z.string().exactOptional(),
  size: z.int().min(0),
  modifiedAt: z.iso.datetime(),
  sha256: z.string().exactOptional(),
  etag: z.string().exactOptional(),
  /** Base64. */
  content: z.base64().exactOptional(),
  mediaType: z.string().exactOptional(),
  /** Of content that was copied to the files before; it is the first execution's. */
  file: fileRefSchema.exactOptional(),
  fileMissing: z.enum(MISSING_REASONS).exactOptional(),
});

const CREDENTIAL = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a03";

export const fileTrigger = defineNode({
  type: "trigger.file",
  kind: "trigger",
  title: "File watcher",
  docs: `Starts an execution for each file that was added, changed, removed or renamed in a folder, or in a bucket of a store that speaks S3.

**What is new.** The first look takes note of what is there and starts nothing. Afterwards the folder as it is gets compared with what was told, so that changes while nothing
watched are found as well, each once. What changes several times between two looks is told as the last state. A rename is told by the file's identity (inode, size and time), or by
its hash; one that is not among \`events\` is told as nothing. Folders themselves are not told.

**When a file is complete.** By \`stability\`: nothing wrote to it for a while, a second file says so, or it is renamed into place. Never told are names that begin with a dot, or
end in \`~\`, \`.part\`, \`.partial\`, \`.tmp\`, \`.temp\`, \`.crdownload\`, \`.download\`, \`.filepart\` or \`.swp\`.

**Bounds.** At most 50,000 files and 32 folders deep; more is told at the trigger as an error. Symbolic links are not followed, and only regular files count. A file
whose name cannot be read (no UTF-8, or too long) is parked.

**The output** is \`{ event, path, size, modifiedAt }\`: the path relative to what is watched, with slashes, the size in bytes, and when the content was written (with \`removed\`, as last known). With
\`renamed\` also \`previousPath\`; with \`hash: sha256\` and up to 256 MiB \`sha256\`, hex; with an object \`etag\`, without quotes.

**The content** is not in it, unless \`content: reference\` asks for \`file\`: a file reference to the content as it was when the change was seen, so that later nodes get it whatever becomes of the file.
A file is read up to \`contentBytesMax\`. Nodes take files of up to ${FILE_BYTES_MAX / 1_048_576} MiB; what is larger can be downloaded. Where there is no content, \`file\` is null and \`fileMissing\` says why: \`tooLarge\`, \`unreadable\` (its rights forbid it, or its object is archived), or \`removed\`. A file that
changes while it is read is told by a later look.

Folders are below the tenant's own folder of this installation (\`DISPATCHER_FILE_ROOT\`). A change of \`source\`, \`credential\`, \`include\` or \`exclude\` begins anew.`,
  tier: "STARTER",
  params: paramsSchema,
  output: jsonObjectSchema.describe("What happened to the file: `{ event, path, previousPath, size, modifiedAt, sha256, etag }`, with `content: reference` also `file` and, where that is null, `fileMissing`."),
  ports: () => MAIN_PORT,
  sourceKey: ({ source, credential, include, exclude }) => JSON.parse(JSON.stringify({ source, credential, include, exclude })),
  credentials: [{ param: "credential", kinds: ["s3"] }],
  retryClass: "transient",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 60_000,
  examples: [
    { title: "New tables in a folder", params: { source: { kind: "folder", path: "inbox" }, include: ["**/*.csv"], events: ["added"] } },
    { title: "New tables with their content", params: { source: { kind: "folder", path: "inbox" }, include: ["**/*.csv"], events: ["added"], content: "reference" } },
    { title: "Everything that happens, when a second file says that it is complete", params: { source: { kind: "folder", path: "exchange/in" }, events: ["added", "changed", "removed", "renamed"], stability: { mode: "doneFile" } } },
    { title: "Changes of content only", params: { source: { kind: "folder", path: "" }, exclude: ["archive/**"], events: ["changed"], hash: "sha256" } },
    { title: "Objects of a bucket", params: { source: { kind: "s3", bucket: "reports", prefix: "2026/" }, credential: CREDENTIAL, intervalSeconds: 300 } },
    { title: "Objects of a bucket with their content", params: { source: { kind: "s3", bucket: "reports", prefix: "2026/" }, credential: CREDENTIAL, include: ["**/*.pdf"], content: "reference" } },
  ],
});
