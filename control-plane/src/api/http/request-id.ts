import type { IdSource } from "@fluxo/core/ports/clock";
import type { RequestHandler, Response } from "express";

const FORM = /^[A-Za-z0-9._:-]{1,128}$/;

/** Gives every request an id: the caller's, if it can be written to a log as it is, else a new one. It is sent back as X-Request-Id. */
export function requestId(ids: IdSource): RequestHandler {
  return (request, response, next) => {
    const given = request.get("x-request-id");
    response.set("X-Request-Id", given !== undefined && FORM.test(given) ? given : ids.next());
    next();
  };
}

/** The id of the request that this response answers. */
export function requestIdOf(response: Response): string {
  return response.get("X-Request-Id") ?? "";
}
