import { z } from "zod";
import { roleSchema } from "./roles.ts";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema } from "./scalars.ts";

const tag = "Signing in";

export const membershipSchema = z
  .strictObject({
    memberId: idSchema("The member."),
    agency: z.strictObject({ id: idSchema("The agency."), name: z.string().meta({ description: "Its name.", example: "Northwind Digital" }) }).nullable().meta({ description: "The agency; null for the operator." }),
    role: roleSchema,
    isCurrent: z.boolean().meta({ description: "Whether the session acts as this one.", example: true }),
  })
  .meta({ id: "Membership", description: "What a person is in one agency." });

export const sessionSchema = z
  .strictObject({
    id: idSchema("The session's id."),
    isCurrent: z.boolean().meta({ description: "Whether it is the session of this request.", example: true }),
    createdAt: instantSchema("When the person signed in."),
    lastSeenAt: instantSchema("When it was last used, to within a minute and some seconds."),
    expiresAt: instantSchema("When it ends at the latest."),
    ip: z.string().nullable().meta({ description: "The address that the person signed in from.", example: "203.0.113.7" }),
    userAgent: z.string().nullable().meta({ description: "What the browser called itself.", example: "Mozilla/5.0" }),
  })
  .meta({ id: "Session", description: "One browser in which a member is signed in." });

const cookies = z.string().max(8_192).optional().meta({ description: "Cookies of this page; the browser sends them.", example: "fluxo_session=…" });
const setsCookies = { Location: "Where the browser goes.", "Set-Cookie": "Cookies that only this page reads." } as const;

export const sessionRoutes = {
  startSignIn: defineRoute({
    operationId: "startSignIn",
    method: "get",
    path: "/auth/login",
    tag,
    summary: "Sign in",
    description: "Sends the browser to the identity provider.",
    scope: "public",
    subject: "none",
    query: z.strictObject({
      returnTo: z
        .string()
        .max(500)
        .regex(/^\/(?![/\\])[\x21-\x7e]*$/, "must be a path of this page")
        .default("/v1/me")
        .meta({ description: "A path of this page to come back to.", example: "/docs" }),
    }),
    responses: { 302: { description: "To the identity provider.", headers: setsCookies } },
    problems: ["NOT_FOUND", "UNAVAILABLE", "RATE_LIMITED"],
  }),
  finishSignIn: defineRoute({
    operationId: "finishSignIn",
    method: "get",
    path: "/auth/callback",
    tag,
    summary: "Come back from the identity provider",
    description: "The identity provider sends the browser here. Its answer is checked (state, nonce, PKCE, issuer, signature), and a session begins.",
    scope: "public",
    subject: "none",
    // Providers add parameters of their own, which mean nothing here.
    query: z.looseObject({
      code: z.string().max(8_192).optional().meta({ description: "What is exchanged for the person's identity.", example: "SplxlOBeZQQYbYS6WxSbIA" }),
      state: z.string().max(8_192).optional().meta({ description: "What the sign-in was begun with.", example: "af0ifjsldkj" }),
      iss: z.string().max(8_192).optional().meta({ description: "Who answers.", example: "https://login.example.com" }),
      error: z.string().max(8_192).optional().meta({ description: "Why the provider refuses.", example: "access_denied" }),
    }),
    headers: z.strictObject({ Cookie: cookies }),
    responses: { 302: { description: "Signed in; to where the sign-in was begun from.", headers: setsCookies } },
    problems: ["SIGN_IN_FAILED", "NOT_A_MEMBER", "INVITATION_EXPIRED", "NOT_FOUND", "UNAVAILABLE", "RATE_LIMITED"],
  }),
  signOut: defineRoute({
    operationId: "signOut",
    method: "post",
    path: "/auth/logout",
    tag,
    summary: "Sign out",
    description: "Ends the session of this browser. The page at the same path has a button that sends it; a browser that names text/html in Accept goes to a page that says that it is done.",
    isForm: true,
    scope: "authenticated",
    subject: "caller",
    repeatable: "Without the session there is nothing more to end.",
    unaudited: "The end of the session writes its entry itself.",
    headers: z.strictObject({ Cookie: cookies, Accept: z.string().max(1_000).optional().meta({ description: "What the caller takes; text/html of a browser.", example: "text/html" }) }),
    responses: {
      204: { description: "Signed out.", headers: { "Set-Cookie": "Removes the cookie." } },
      303: { description: "Signed out; the browser goes to the page that says so.", headers: { Location: "The page.", "Set-Cookie": "Removes the cookie." } },
    },
    problems: ["STATE_CONFLICT"],
  }),
  listMySessions: defineRoute({
    operationId: "listMySessions",
    method: "get",
    path: "/v1/me/sessions",
    tag,
    summary: "List my sessions",
    description: "Where the member of this request is signed in, newest first; at most 100. Only for people.",
    scope: "authenticated",
    subject: "caller",
    responses: { 200: { description: "The sessions.", body: z.strictObject({ data: z.array(sessionSchema).meta({ description: "The sessions." }) }).meta({ id: "Sessions", description: "Where a member is signed in." }) } },
    problems: ["STATE_CONFLICT"],
  }),
  endMySession: defineRoute({
    operationId: "endMySession",
    method: "delete",
    path: "/v1/me/sessions/{sessionId}",
    tag,
    summary: "End one of my sessions",
    description: "Signs that browser out, within a second in every process.",
    scope: "authenticated",
    subject: "caller",
    params: z.strictObject({ sessionId: idSchema("The session.") }),
    responses: { 204: { description: "It is ended." } },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
  switchMembership: defineRoute({
    operationId: "switchMembership",
    method: "post",
    path: "/v1/me/membership",
    tag,
    summary: "Act as another of my memberships",
    description: "A person may be a member of several agencies; the session goes on as this one.",
    scope: "authenticated",
    subject: "caller",
    repeatable: "Acting as the same membership again changes nothing.",
    body: z.strictObject({ memberId: idSchema("One of `memberships` of `GET /v1/me`.") }).meta({ id: "SwitchMembership", description: "The membership to act as." }),
    responses: { 204: { description: "The session acts as it from now on." } },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
} as const;
