import { z } from "zod";

/** A header's name (RFC 9110, section 5.1), as written. */
export const headerNameSchema = z
  .string()
  .max(128)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "must be a header name: letters, digits and - _ . ! # $ % & ' * + ^ ` | ~");
