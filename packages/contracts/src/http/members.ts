import { z } from "zod";
import { agencyRoleSchema, roleSchema } from "./roles.ts";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Members";

/** How long an invitation can be taken up when the caller says nothing. */
export const INVITATION_DAYS = 14;

const emailSchema = z
  .string()
  .trim()
  .toLowerCase()
  .max(254)
  .pipe(z.email())
  .meta({ description: "The address that the person signs in with, as the identity provider verifies it.", example: "ana@northwind.example" });

const tenantIdsSchema = z
  .array(idSchema("A tenant of the agency."))
  .min(1)
  .max(1_000)
  .refine((ids) => new Set(ids).size === ids.length, "must not repeat a tenant")
  .nullable()
  .meta({ description: "The only tenants that the member reaches; null for the agency as a whole." });

export const memberSchema = z
  .strictObject({
    id: idSchema("The member's id."),
    email: z.string().nullable().meta({ description: "The address of the invitation, or the one that a token told; null when no token told any.", example: "ana@northwind.example" }),
    name: z.string().nullable().meta({ description: "As the identity provider tells it.", example: "Ana Silva" }),
    role: roleSchema,
    tenantIds: z.array(idSchema("A tenant.")).nullable().meta({ description: "The only tenants that the member reaches; null for the agency as a whole." }),
    origin: z.enum(["INVITATION", "PROVISIONING"]).meta({ description: "How it came: invited by its address, or by a provisioning token of the agency's own systems.", example: "INVITATION" }),
    externalUserId: z.string().nullable().meta({ description: "Its id in the agency's own systems; null unless it was provisioned.", example: "user-7" }),
    status: z.enum(["INVITED", "EXPIRED", "ACTIVE", "REVOKED"]).meta({ description: "INVITED until the first sign-in, EXPIRED when the invitation ended before it. REVOKED: a provisioned one that is refused.", example: "ACTIVE" }),
    invitation: z
      .strictObject({
        expiresAt: instantSchema("Until when the person can take it up, by signing in."),
        signInUrl: z.string().nullable().meta({ description: "What to hand to the person: where to sign in with the invited address. Fluxo sends no message. Null: no identity provider is configured.", example: "https://api.example.com/auth/login" }),
      })
      .nullable()
      .meta({ description: "The invitation; null when it was taken up, or there was none." }),
    createdAt: instantSchema("When it was invited, or came with a token first."),
    joinedAt: instantSchema("When it signed in first, or came with a token first.").nullable(),
    lastLoginAt: instantSchema("When it signed in last, or came with a token last.").nullable(),
    revokedAt: instantSchema("Since when it is refused; of provisioned ones only.").nullable(),
  })
  .meta({ id: "Member", description: "A person who may sign in, or come with provisioning tokens." });

const ofMember = z.strictObject({ memberId: idSchema("The member.") });
const query = z.strictObject(pageQueryShape);
const queryOfAgency = z.strictObject({ ...pageQueryShape, tenantId: idSchema("Only those that are bound to this tenant, or were provisioned for it.").optional() });
const page = { 200: { description: "One page of members.", body: pageOf(memberSchema) } } as const;
const one = { 200: { description: "The member.", body: memberSchema } } as const;
const expiresInDaysSchema = z.int().min(1).max(90).default(INVITATION_DAYS).meta({ description: "Days until the invitation ends, when nobody takes it up.", example: INVITATION_DAYS });
const renewBody = z.strictObject({ expiresInDays: expiresInDaysSchema }).optional().meta({ id: "RenewInvitation", description: "How long it can be taken up." });
const invited = { 201: { description: "The person is invited.", body: memberSchema, headers: { Location: "The path of the member." } } } as const;
const removed = { 204: { description: "The member is removed, and signed out everywhere." } } as const;
const signedOut = { 204: { description: "The member is signed out everywhere." } } as const;

const inviteText = "The person becomes a member at the first sign-in with this address, if the identity provider has verified it. Fluxo sends no message: `invitation` says what to hand to the person. Nobody can give a role that may do more than the caller itself.";
const removeText = "Its sessions end within a second. API keys that it created stay; see the API keys. A member cannot remove itself.";
const renewText = "An invitation that was not taken up yet can be from now on for so many days, also one that expired, which takes its seats again. A member that signed in has none: STATE_CONFLICT.";
const revokeText = "One that was provisioned is not removed but revoked: its keys end within a second, its seat is free, and tokens about it are refused until it is restored.";
const signOutText = "Ends every session of the member, and every key that a provisioning token gave to it, within a second in every process.";

const ofAgency = {
  listMembers: defineRoute({ operationId: "listMembers", method: "get", path: "/v1/agency/members", tag, summary: "List the members of the agency", description: "Newest first, also those that did not sign in yet, and those that provisioning tokens brought.", scope: "members:read", subject: "agency", query: queryOfAgency, responses: page, problems: [] }),
  inviteMember: defineRoute({
    operationId: "inviteMember",
    method: "post",
    path: "/v1/agency/members",
    tag,
    summary: "Invite a member",
    description: inviteText,
    scope: "members:write",
    subject: "agency",
    body: z.strictObject({ email: emailSchema, role: agencyRoleSchema, tenantIds: tenantIdsSchema.default(null), expiresInDays: expiresInDaysSchema }).meta({ id: "InviteMember", description: "Who is invited, and as what." }),
    responses: invited,
    problems: ["TENANT_OFFBOARDING", "NAME_TAKEN", "SEATS_EXCEEDED"],
  }),
  getMember: defineRoute({ operationId: "getMember", method: "get", path: "/v1/agency/members/{memberId}", tag, summary: "Read a member", description: "One member of the agency.", scope: "members:read", subject: "agency", params: ofMember, responses: one, problems: ["NOT_FOUND"] }),
  updateMember: defineRoute({
    operationId: "updateMember",
    method: "patch",
    path: "/v1/agency/members/{memberId}",
    tag,
    summary: "Change a member",
    description: "Changes its role, or the tenants that it reaches; absent fields stay as they are. It holds from the next second on, also for sessions that are open. A member cannot change itself. Of one that was provisioned, its tokens say both: it is not changed here.",
    scope: "members:write",
    subject: "agency",
    params: ofMember,
    body: z.strictObject({ role: agencyRoleSchema.optional(), tenantIds: tenantIdsSchema.optional() }).meta({ id: "UpdateMember", description: "The fields to be changed." }),
    responses: one,
    problems: ["TENANT_OFFBOARDING", "NOT_FOUND", "STATE_CONFLICT", "SEATS_EXCEEDED"],
  }),
  removeMember: defineRoute({ operationId: "removeMember", method: "delete", path: "/v1/agency/members/{memberId}", tag, summary: "Remove a member", description: `${removeText} ${revokeText}`, scope: "members:write", subject: "agency", params: ofMember, responses: removed, problems: ["NOT_FOUND", "STATE_CONFLICT"] }),
  renewInvitation: defineRoute({ operationId: "renewInvitation", method: "post", path: "/v1/agency/members/{memberId}/invitation", changes: "/v1/agency/members/{memberId}", tag, summary: "Renew an invitation", description: renewText, scope: "members:write", subject: "agency", params: ofMember, body: renewBody, responses: one, problems: ["NOT_FOUND", "STATE_CONFLICT", "SEATS_EXCEEDED"] }),
  restoreMember: defineRoute({ operationId: "restoreMember", method: "post", path: "/v1/agency/members/{memberId}/restore", changes: "/v1/agency/members/{memberId}", tag, summary: "Restore a revoked member", description: "A provisioned member that was revoked takes a seat of its tenant again, and tokens about it are taken. Keys that ended stay ended.", scope: "members:write", subject: "agency", params: ofMember, responses: one, problems: ["TENANT_OFFBOARDING", "NOT_FOUND", "STATE_CONFLICT", "SEATS_EXCEEDED"] }),
  endMemberSessions: defineRoute({ operationId: "endMemberSessions", method: "delete", path: "/v1/agency/members/{memberId}/sessions", tag, summary: "Sign a member out everywhere", description: signOutText, scope: "members:write", subject: "agency", params: ofMember, responses: signedOut, problems: ["NOT_FOUND"] }),
} as const;

const ofOperator = {
  listOperatorMembers: defineRoute({ operationId: "listOperatorMembers", method: "get", path: "/v1/operator/members", tag, summary: "List the operator's members", description: "Newest first, also those that did not sign in yet.", scope: "members:read", subject: "operator", query, responses: page, problems: [] }),
  inviteOperatorMember: defineRoute({
    operationId: "inviteOperatorMember",
    method: "post",
    path: "/v1/operator/members",
    tag,
    summary: "Invite a member of the operator",
    description: inviteText,
    scope: "members:write",
    subject: "operator",
    body: z.strictObject({ email: emailSchema, expiresInDays: expiresInDaysSchema }).meta({ id: "InviteOperatorMember", description: "Who is invited." }),
    responses: invited,
    problems: ["NAME_TAKEN"],
  }),
  getOperatorMember: defineRoute({ operationId: "getOperatorMember", method: "get", path: "/v1/operator/members/{memberId}", tag, summary: "Read a member of the operator", description: "One member of the operator.", scope: "members:read", subject: "operator", params: ofMember, responses: one, problems: ["NOT_FOUND"] }),
  removeOperatorMember: defineRoute({ operationId: "removeOperatorMember", method: "delete", path: "/v1/operator/members/{memberId}", tag, summary: "Remove a member of the operator", description: removeText, scope: "members:write", subject: "operator", params: ofMember, responses: removed, problems: ["NOT_FOUND", "STATE_CONFLICT"] }),
  renewOperatorInvitation: defineRoute({ operationId: "renewOperatorInvitation", method: "post", path: "/v1/operator/members/{memberId}/invitation", changes: "/v1/operator/members/{memberId}", tag, summary: "Renew an invitation of the operator", description: renewText, scope: "members:write", subject: "operator", params: ofMember, body: renewBody, responses: one, problems: ["NOT_FOUND", "STATE_CONFLICT"] }),
  endOperatorMemberSessions: defineRoute({ operationId: "endOperatorMemberSessions", method: "delete", path: "/v1/operator/members/{memberId}/sessions", tag, summary: "Sign a member of the operator out everywhere", description: signOutText, scope: "members:write", subject: "operator", params: ofMember, responses: signedOut, problems: ["NOT_FOUND"] }),
} as const;

export const memberRoutes = { ...ofAgency, ...ofOperator } as const;
