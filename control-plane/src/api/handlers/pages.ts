import type { Page } from "@fluxo/prisma/repositories/page";
import { z } from "zod";
import { decodePageToken, encodePageToken } from "../http/page-token.ts";

const idToken = z.tuple([z.uuid()]);

/** The id after which a page begins. @throws RequestError VALIDATION_FAILED */
export function idOfPageToken(token: string | undefined): string | undefined {
  return decodePageToken(token, idToken)?.[0];
}

/** A page as it is answered. `keyOf` says where it ended. */
export function toPage<T, D>(page: Page<T>, toItem: (item: T) => D, keyOf: (item: T) => readonly (string | number)[]): { data: D[]; nextPageToken: string | null } {
  const last = page.items.at(-1);
  return { data: page.items.map(toItem), nextPageToken: page.hasMore && last !== undefined ? encodePageToken(keyOf(last)) : null };
}

/** A page of what is listed by id. */
export function toIdPage<T extends { readonly id: string }, D>(page: Page<T>, toItem: (item: T) => D): { data: D[]; nextPageToken: string | null } {
  return toPage(page, toItem, ({ id }) => [id]);
}
