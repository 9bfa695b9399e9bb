import { ERROR_CODES, type ErrorCode } from "@fluxo/core/errors/codes";
import { z } from "zod";

/** One field at fault. */
export const problemIssueSchema = z.strictObject({
  path: z.string().meta({
    description: "JSON pointer (RFC 6901). It starts with /body, /query, /params or /headers; for the issues of a graph it points into the graph.",
    example: "/body/name",
  }),
  code: z.string().meta({ description: "What kind of fault.", example: "too_small" }),
  message: z.string().meta({ description: "What is wrong, for people.", example: "Too small: expected string to have >=1 characters" }),
  nodeId: z.string().optional().meta({ description: "The node of the graph at fault.", example: "send" }),
});

/** Problem details (RFC 9457): how every refusal and failure is answered, as application/problem+json. */
export const problemSchema = z
  .strictObject({
    type: z.string().meta({ description: "Names the kind of problem: urn:fluxo:error:<code>.", example: "urn:fluxo:error:NOT_FOUND" }),
    title: z.string().meta({ description: "One stable sentence per code.", example: ERROR_CODES.NOT_FOUND.title }),
    status: z.int().meta({ description: "The HTTP status.", example: 404 }),
    detail: z.string().meta({ description: "What happened in this case.", example: "There is no workflow with this id." }),
    code: z.string().meta({ description: "The stable code; docs/errors.md lists all.", example: "NOT_FOUND" satisfies ErrorCode }),
    instance: z.string().meta({ description: "The id of the request, as in X-Request-Id and in the log.", example: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" }),
    issues: z.array(problemIssueSchema).optional().meta({ description: "The fields at fault." }),
  })
  .meta({ id: "Problem", description: "Problem details (RFC 9457) with a stable code." });
export type Problem = z.output<typeof problemSchema>;
