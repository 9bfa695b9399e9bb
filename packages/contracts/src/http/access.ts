import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema } from "./scalars.ts";
import { roleSchema } from "./roles.ts";
import { scopeSchema } from "./scopes.ts";
import { membershipSchema } from "./sessions.ts";

const tag = "Access";

export const actorSchema = z
  .strictObject({
    kind: z.enum(["apiKey", "member"]).meta({ description: "An API key, or a person.", example: "apiKey" }),
    id: idSchema("The id of the key or the member."),
  })
  .meta({ id: "Actor", description: "Who does something." });
/** Who acts: an API key, or a person. What is recorded of the doer of a change. */
export type Actor = Readonly<z.output<typeof actorSchema>>;

const meSchema = z
  .strictObject({
    actor: actorSchema,
    agency: z
      .strictObject({ id: idSchema("The agency."), name: z.string().nullable().meta({ description: "Its name; null for the key of a tenant.", example: "Northwind Digital" }) })
      .nullable()
      .meta({ description: "The agency that the caller belongs to; null for the operator." }),
    tenant: z
      .strictObject({ id: idSchema("The tenant."), name: z.string().meta({ description: "Its name.", example: "Blue Bakery" }) })
      .nullable()
      .meta({ description: "The only tenant that the caller reaches; null when there are several." }),
    tenantIds: z.array(idSchema("A tenant.")).nullable().meta({ description: "The tenants that the caller is bound to; null when it is bound to none." }),
    member: z
      .strictObject({
        email: z.string().meta({ description: "The address of the invitation.", example: "ana@northwind.example" }),
        name: z.string().nullable().meta({ description: "As the identity provider tells it.", example: "Ana Silva" }),
        role: roleSchema,
        memberships: z.array(membershipSchema).meta({ description: "Everything that this person is a member of." }),
      })
      .nullable()
      .meta({ description: "The person who is signed in; null for an API key." }),
    scopes: z.array(scopeSchema).meta({ description: "What the caller may do." }),
    expiresAt: instantSchema("When the key or the session ends.").nullable(),
  })
  .meta({ id: "Me", description: "Who calls, and what the caller may do." });

export const accessRoutes = {
  getMe: defineRoute({
    operationId: "getMe",
    method: "get",
    path: "/v1/me",
    tag,
    summary: "Who calls",
    description: "Tells who calls, what the caller reaches and what it may do there.",
    scope: "authenticated",
    subject: "caller",
    responses: { 200: { description: "The caller.", body: meSchema } },
    problems: [],
  }),
} as const;
