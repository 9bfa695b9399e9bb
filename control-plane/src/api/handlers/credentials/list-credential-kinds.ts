import type { Routes } from "@fluxo/contracts/http/routes";
import { CREDENTIAL_KIND_NAMES, CREDENTIAL_KINDS } from "@fluxo/core/credentials/kinds";
import { z } from "zod";
import { isTestable } from "../../../credentials/testers.ts";
import type { Handler } from "../../http/handler.ts";

const data = CREDENTIAL_KIND_NAMES.map((kind) => ({ kind, isTestable: isTestable(kind), fields: z.toJSONSchema(CREDENTIAL_KINDS[kind], { io: "input" }) }));

/** GET /v1/credential-kinds */
export const listCredentialKinds: Handler<Routes["listCredentialKinds"]> = () => ({ status: 200, body: { data } });
