/** A target and its parameters, up to the next target. Neither part can match the other's characters. */
const LINK = /<([^<>]*)>([^<]*)/g;
const RELATION = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i;

/** The target that a `Link` header (RFC 8288) gives for the relation `next`; undefined when it has none. */
export function nextLink(header: string): string | undefined {
  for (const [, target = "", parameters = ""] of header.matchAll(LINK)) {
    const [, quoted, token] = RELATION.exec(parameters) ?? [];
    if ((quoted ?? token ?? "").toLowerCase().split(/\s+/).includes("next")) {
      return target.trim();
    }
  }
  return undefined;
}
