/** One server-sent event. */
export interface ServerSentEvent {
  readonly event: string;
  /** Empty for none. */
  readonly id: string;
  readonly data: string;
}

/** The events of a stream of bytes, as the HTML standard reads them; comments are left out. @throws what the stream throws */
export async function* readEvents(content: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of content) {
    rest += decoder.decode(bytes, { stream: true });
    // A block ends with an empty line. Fluxo ends lines with a line feed.
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = toEvent(block);
      if (event !== undefined) yield event;
    }
  }
}

function toEvent(block: string): ServerSentEvent | undefined {
  const fields = { event: "message", id: "", data: [] as string[] };
  for (const line of block.split("\n")) {
    const [, name, value = ""] = /^([a-z]+)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "event") fields.event = value;
    else if (name === "id") fields.id = value;
    else if (name === "data") fields.data.push(value);
  }
  return fields.data.length === 0 ? undefined : { event: fields.event, id: fields.id, data: fields.data.join("\n") };
}
