/** The entity tag of a revision. */
export function entityTag(revision: number): string {
  return `"${revision}"`;
}

/**
 * The revisions that an If-Match header accepts; undefined for any (`*`, or no header). Weak tags match nothing (RFC 9110, 13.1.1).
 * @param header well-formed, as the route's schema has it
 */
export function revisionsOf(header: string | undefined): readonly number[] | undefined {
  if (header === undefined || header === "*") return undefined;
  const tags = [...header.matchAll(/(W\/)?"([^"]*)"/g)];
  return tags.flatMap(([, weak, tag]) => (weak === undefined && tag !== undefined && /^[1-9]\d{0,8}$/.test(tag) ? [Number(tag)] : []));
}
