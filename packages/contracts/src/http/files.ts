import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema } from "./scalars.ts";

const tag = "Files";
const params = z.strictObject({ fileId: idSchema("The file.") });

const fileSchema = z
  .strictObject({
    fileId: idSchema("The file's id, as in references."),
    name: z.string().meta({ description: "Its name, without folders.", example: "report.pdf" }),
    mediaType: z.string().meta({ description: "Its media type, as whoever made it says.", example: "application/pdf" }),
    bytes: z.int().meta({ description: "Its size.", example: 48_213 }),
    sha256: z.string().meta({ description: "The SHA-256 of its content, hex.", example: "da3152119ef28a21089021b756b92abbb7726aef2b831f195fb9b19e2089cf9c" }),
    executionId: idSchema("The execution that made it; they go together."),
    nodeId: z.string().meta({ description: "The node that made it.", example: "render" }),
    item: z.int().meta({ description: "The item of its loop; 0 outside of loops.", example: 0 }),
    createdAt: instantSchema("When it was stored."),
  })
  .meta({ id: "File", description: "Binary data of an execution, without its content." });

export const fileRoutes = {
  getFile: defineRoute({
    operationId: "getFile",
    method: "get",
    path: "/v1/files/{fileId}",
    tag,
    summary: "Read about a file",
    description: "What is known of a file that a node made.",
    scope: "executions:read",
    subject: "tenant",
    params,
    responses: { 200: { description: "The file.", body: fileSchema } },
    problems: ["NOT_FOUND"],
  }),
  getFileContent: defineRoute({
    operationId: "getFileContent",
    method: "get",
    path: "/v1/files/{fileId}/content",
    tag,
    summary: "Download a file",
    description: "The content, always as an attachment: what a workflow fetched from elsewhere is not to be opened in the API's name.",
    scope: "executions:read",
    subject: "tenant",
    params,
    responses: { 200: { description: "The content.", content: "The file's bytes, with its own media type.", headers: { "Content-Disposition": "The file's name.", ETag: "The SHA-256 of the content." } } },
    problems: ["NOT_FOUND"],
  }),
} as const;
