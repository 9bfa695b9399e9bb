import type { Routes } from "@fluxo/contracts/http/routes";
import type { Handler } from "../../http/handler.ts";

/** GET /auth/login */
export const startSignIn: Handler<Routes["startSignIn"]> = async ({ query }, { signIns }) => {
  const { location, cookies } = await signIns.begin(query.returnTo);
  return { status: 302, headers: { Location: location, "Set-Cookie": cookies } };
};

/** GET /auth/callback */
export const finishSignIn: Handler<Routes["finishSignIn"]> = async ({ query, headers, context }, { signIns, announceAccess }) => {
  const answer = new URLSearchParams(Object.entries(query).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((text): [string, string] => [name, String(text)])));
  const { location, cookies } = await signIns.finish(answer, headers.Cookie, context);
  // The session that this browser had before is over.
  await announceAccess({ version: 1, kind: "sessions" });
  return { status: 302, headers: { Location: location, "Set-Cookie": cookies } };
};
