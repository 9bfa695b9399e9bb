/** One event as a browser's EventSource would hand it over. */
export interface ReceivedEvent {
  readonly id: string;
  readonly event: string;
  readonly data: unknown;
}

/** An open event stream, read as the specification says: fields until an empty line; comments count for nothing but life. */
export interface EventReader {
  readonly status: number;
  readonly contentType: string;
  /** Everything received so far. */
  readonly events: readonly ReceivedEvent[];
  comments(): number;
  /** The next event of this name that was not asked for before. @throws Error when the stream ends first */
  next(event: string): Promise<ReceivedEvent>;
  /** Resolves when the server ends the stream. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens an event stream. @param headers what an EventSource could not send, for callers that can */
export async function openEvents(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventReader> {
  const abort = new AbortController();
  const response = await fetch(url, { headers: { accept: "text/event-stream", ...headers }, signal: abort.signal });
  const events: ReceivedEvent[] = [];
  const seen = new Set<ReceivedEvent>();
  let comments = 0;
  let isEnded = false;
  let changed = Promise.withResolvers<undefined>();
  const parse = (block: string): void => {
    const fields = new Map<string, string>();
    for (const line of block.split("\n")) {
      if (line.startsWith(":")) comments += 1;
      const [, name = "", value = ""] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
      if (name !== "") fields.set(name, value);
    }
    const data = fields.get("data");
    if (data !== undefined) events.push({ id: fields.get("id") ?? "", event: fields.get("event") ?? "message", data: JSON.parse(data) });
  };
  const tell = (): void => {
    changed.resolve(undefined);
    changed = Promise.withResolvers();
  };
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) parse(block);
      tell();
    }
  };
  const ended = read()
    .catch(() => undefined)
    .then(() => {
      isEnded = true;
      tell();
    });
  return {
    status: response.status,
    contentType: response.headers.get("content-type") ?? "",
    events,
    comments: () => comments,
    ended,
    next: async (event) => {
      for (;;) {
        const found = events.find((received) => received.event === event && !seen.has(received));
        if (found !== undefined) {
          seen.add(found);
          return found;
        }
        if (isEnded) throw new Error(`The stream ended without "${event}"; it brought ${JSON.stringify(events)}.`);
        await changed.promise;
      }
    },
    close: () => abort.abort(),
  };
}
