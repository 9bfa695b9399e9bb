import type { IncomingHttpHeaders } from "node:http";
import type { catalog } from "@fluxo/nodes/catalog";
import type { z } from "zod";

/** How callers of a hook prove that they may call: a parameter of the trigger node. */
export type HookAuthentication = z.output<(typeof catalog)["trigger.webhook"]["params"]>["authentication"];

/** What authentication looks at. */
export interface SignedRequest {
  readonly headers: IncomingHttpHeaders;
  /** The bytes as they were sent. */
  readonly body: Buffer;
  readonly now: Date;
}

/** Lets a request pass or throws. @throws RequestError HOOK_UNAUTHENTICATED, HOOK_SIGNATURE_INVALID or HOOK_TIMESTAMP_REJECTED */
export type Authenticator = (request: SignedRequest) => void;
