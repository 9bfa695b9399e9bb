import type { IncomingHttpHeaders } from "node:http";
import { RequestError } from "@fluxo/core/errors/request-error";
import { headerValue } from "./headers.ts";

/** Visible ASCII (RFC 20): no blank, so that a header that was sent twice, which Node joins with ", ", is refused. */
const DELIVERY_ID_FORM = /^[\x21-\x7e]{1,255}$/;

/**
 * What makes a request one occurrence for ever: the caller's id of the delivery where the hook has a header for it, else the one that the provider's
 * request has in itself, else the execution's own id, so that every request is one.
 * @throws RequestError DELIVERY_ID_INVALID
 */
export function occurrenceKeyOf(deliveryIdHeader: string | undefined, headers: IncomingHttpHeaders, executionId: string, providersId?: string): string {
  if (deliveryIdHeader === undefined) return providersId !== undefined && DELIVERY_ID_FORM.test(providersId) ? `delivery:${providersId}` : `id:${executionId}`;
  const deliveryId = headerValue(headers, deliveryIdHeader);
  if (deliveryId === undefined || !DELIVERY_ID_FORM.test(deliveryId)) {
    throw new RequestError("DELIVERY_ID_INVALID", { detail: `The header ${deliveryIdHeader} must hold 1 to 255 visible ASCII characters without blanks.` });
  }
  return `delivery:${deliveryId}`;
}
