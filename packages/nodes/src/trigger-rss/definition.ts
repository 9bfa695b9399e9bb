import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { triggerFilterSchema } from "../filters/schema.ts";
import { jsonObjectSchema } from "../schemas/json.ts";

const urlSchema = z
  .string()
  .max(2_000)
  .refine((url) => {
    const parsed = URL.parse(url);
    return parsed !== null && (parsed.protocol === "http:" || parsed.protocol === "https:") && parsed.username === "" && parsed.password === "";
  }, "must be an http or https URL without user name and password");

const paramsSchema = z.strictObject({
  url: urlSchema.describe("The address of the feed: RSS 0.9x, 1.0 or 2.0, or Atom. Not a template."),
  intervalSeconds: z.int().min(10).max(604_800).default(900).describe("Seconds between two looks; the plan may ask for more."),
  itemsMax: z.int().min(1).max(500).default(100).describe("Most items that one look takes; the rest comes with the next look, at once."),
  filter: triggerFilterSchema.optional(),
});

export type RssTriggerParams = z.output<typeof paramsSchema>;
/** The parameters as the trigger keeps them. */
export const rssParamsSchema = paramsSchema;

/** What an execution gets of an item: null for what the item does not have. */
export type RssItemOutput = {
  /** The item's own identifier, as the feed gives it. */
  id: string | null;
  title: string | null;
  /** Absolute. */
  link: string | null;
  author: string | null;
  /** ISO 8601; null without a date that can be read. */
  publishedAt: string | null;
  /** The short form; often HTML. */
  summary: string | null;
  /** The long form; the short one where the feed has only that. */
  content: string | null;
  categories: string[];
  /** Attached media, by address. */
  enclosures: { url: string; type: string | null; bytes: number | null }[];
  /** `url` is the address that answered, after redirects. */
  feed: { title: string | null; link: string | null; url: string };
};

export const rssTrigger = defineNode({
  type: "trigger.rss",
  kind: "trigger",
  title: "RSS or Atom feed",
  docs: `Starts an execution for each new item of a feed.

**What is new.** The first look takes note of what is there and starts nothing. Afterwards each item starts one execution, ever. An item is the same as long as its
\`guid\` (\`id\` in Atom) is; without one, as long as its link is; with neither, as long as its text is. So an item that is edited, moved or gets another date is not new, and an item
without a date is not lost. An item that vanishes and comes back is not new either. Older items come first.

**Output.** \`{ id, title, link, author, publishedAt, summary, content, categories, enclosures: [{ url, type, bytes }], feed: { title, link, url } }\`, with null for what the item does
not have. \`summary\` and \`content\` are often HTML; \`content\` is the short form where the feed has only that. \`feed.url\` is the address that answered, after redirects.

**What goes wrong.** A feed that cannot be read is told at the trigger and looked at again, less and less often. An item that cannot be read is parked, with its
beginning as received, and the feed goes on. Documents over 5 MiB, over 5,000 items or with a DOCTYPE are refused; HTML entities and stray ampersands are taken as text.

**Manners.** A feed that did not change is not sent again (ETag, Last-Modified). \`Retry-After\` and \`Cache-Control: max-age\` (up to an hour) make the wait longer. A feed that many
workflows use is fetched once for all of them, so an item may come up to half an interval later, 5 minutes at most.

Only public addresses are called, and credentials are not sent. Change \`url\`, and what the other feed has at that moment is not new.`,
  tier: "FREE",
  params: paramsSchema,
  output: jsonObjectSchema.describe("The item."),
  ports: () => MAIN_PORT,
  sourceKey: ({ url }) => JSON.parse(JSON.stringify(url ?? null)),
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "News, every quarter of an hour", params: { url: "https://example.com/feed.xml" } },
    { title: "Releases, every hour, a few at a time", params: { url: "https://example.com/releases.atom", intervalSeconds: 3_600, itemsMax: 20 } },
  ],
});
