import type { RequestErrorCode } from "@fluxo/core/errors/codes";
import { ERROR_CODES } from "@fluxo/core/errors/codes";
import type { RequestError } from "@fluxo/core/errors/request-error";
import express, { type Request, type Router } from "express";
import { sendPage, wantsPage, type Page } from "./page.ts";

const SIGN_IN = "/auth/login";
const SIGN_OUT = "/auth/logout";
/** Where a browser goes that was signed out. */
export const SIGNED_OUT = "/auth/signed-out";

const signInAgain = { kind: "link", to: SIGN_IN, label: "Sign in again" } as const;
const SIGNED_OUT_PAGE: Page = { heading: "You are signed out", paragraphs: ["The session of this browser is over. You may still be signed in at your identity provider."], action: signInAgain };
const SIGN_OUT_PAGE: Page = { heading: "Sign out of Fluxo", paragraphs: ["This ends the session of this browser. Sessions in other browsers go on."], action: { kind: "form", to: SIGN_OUT, label: "Sign out" } };

/** What a person is told who was refused. */
const REFUSALS: Readonly<Partial<Record<RequestErrorCode, Pick<Page, "heading" | "paragraphs" | "action">>>> = {
  SIGN_IN_FAILED: {
    heading: "The sign-in failed",
    paragraphs: ["It was not completed, took longer than ten minutes, or was begun in another browser.", "Begin again. Cookies must be allowed for this site."],
    action: signInAgain,
  },
  NOT_A_MEMBER: {
    heading: "You are not a member",
    paragraphs: ["Your identity provider knows you, but nobody invited the address that it tells, or it has not verified that address.", "Ask the agency that you work with to invite exactly the address that you sign in with. Then sign in again."],
    action: signInAgain,
  },
  INVITATION_EXPIRED: { heading: "Your invitation has expired", paragraphs: ["Ask the agency that invited you to renew the invitation. Then sign in again."], action: signInAgain },
  UNAVAILABLE: { heading: "Signing in does not work right now", paragraphs: ["Your identity provider, or Fluxo itself, does not answer as it should. Try again in a little while."], action: signInAgain },
  RATE_LIMITED: { heading: "Too many attempts", paragraphs: ["Wait a minute, then sign in again."], action: signInAgain },
  UNAUTHENTICATED: { heading: "You are signed out already", paragraphs: ["There is no session of this browser any more."], action: signInAgain },
  CSRF_REFUSED: { heading: "The request was refused", paragraphs: ["It did not come from a page of Fluxo. Nothing was changed."], action: { kind: "link", to: SIGN_OUT, label: "Go to the page for signing out" } },
};

/** Whether a path is one where people sign in or out, whose refusals may be pages. */
export function isOfPages(path: string): boolean {
  return path.startsWith("/auth/");
}

/** Whether a refusal of this request is read by a person: one whose browser signs in or out. */
export function isForPerson(request: Request): boolean {
  return isOfPages(request.path) && wantsPage(request.get("accept"));
}

/** A refusal as a page, with what support needs to find it. */
export function refusalPage({ code, message }: RequestError, requestId: string): Page {
  const told = REFUSALS[code] ?? { heading: ERROR_CODES[code].title.replace(/\.$/, ""), paragraphs: [], action: undefined };
  return { ...told, reference: [{ name: "Details", value: message }, { name: "Code", value: code }, { name: "Request", value: requestId }] };
}

/** The pages for people who sign out: one with a button, and one that says that it is done. */
export function signOutPages(): Router {
  const router = express.Router({ caseSensitive: true, strict: true });
  router.get(SIGNED_OUT, (_request, response) => sendPage(response, 200, SIGNED_OUT_PAGE));
  router.get(SIGN_OUT, (request, response, next) => {
    if (wantsPage(request.get("accept"))) sendPage(response, 200, SIGN_OUT_PAGE);
    else next();
  });
  return router;
}
