import { z } from "zod";
import { jsonPathSchema } from "./json-path.ts";

const common = {
  itemsPath: jsonPathSchema.optional().describe("Where a page holds its items, such as `data.items`; the page itself unless given. It has to be an array."),
  pagesMax: z.int().min(1).max(1_000).default(10).describe("Most pages that are read. When there are more, the output says `hasMore`."),
};

const paramName = z.string().min(1).max(256);

export const paginationSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("none") }).describe("There is one answer."),
  z.strictObject({ kind: z.literal("link"), ...common }).describe('The header `Link` names the next page with `rel="next"` (RFC 8288), on the same origin.'),
  z
    .strictObject({
      kind: z.literal("cursor"),
      cursorPath: jsonPathSchema.describe("Where a page holds the cursor of the next one, such as `meta.next`. Absent, null, false or empty on the last page."),
      param: paramName.default("cursor").describe("The query parameter that takes it."),
      ...common,
    })
    .describe("Each page holds the cursor of the next."),
  z
    .strictObject({
      kind: z.literal("page"),
      param: paramName.default("page").describe("The query parameter that takes the number."),
      first: z.int().min(0).default(1).describe("The number of the first page."),
      step: z.int().min(1).max(10_000).default(1).describe("What is added for the next page: 1 for numbers of pages, the size of a page for offsets."),
      pageSize: z.int().min(1).optional().describe("Items of a full page: one with fewer is the last."),
      ...common,
    })
    .describe("Pages have numbers. A page without items is the last."),
]);

export type Pagination = z.output<typeof paginationSchema>;
