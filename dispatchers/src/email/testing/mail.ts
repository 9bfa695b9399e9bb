/** A mail as a server receives it. */
export function mailText({ id, subject = "Hello", date = new Date(), body = "Hi there.\r\n", head = "" }: { readonly id: string | undefined; readonly subject?: string; readonly date?: Date; readonly body?: string; readonly head?: string }): string {
  const lines = ["From: Ann <ann@example.com>", "To: team@example.com", `Subject: ${subject}`, `Date: ${date.toUTCString()}`, ...(id === undefined ? [] : [`Message-ID: <${id}@example.com>`])];
  return `${head}${lines.join("\r\n")}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}`;
}

/** A head that is larger than is read: what parsers are made to choke on. */
export function poisonText(id: string): string {
  return mailText({ id, head: `X-Filler: ${"x".repeat(900)}\r\n`.repeat(400) });
}
