import { listen, type RunningServer } from "@fluxo/runtime/http-server";
import type { ReleasedEvent } from "../messages.ts";

type Manner = "take" | "swallow" | "hang" | number;

/** Stands where Inngest's event API is and writes down what it is sent. */
export interface EventReceiver {
  readonly url: string;
  /** Events by call, in order of arrival. */
  readonly calls: readonly (readonly ReleasedEvent[])[];
  readonly events: readonly ReleasedEvent[];
  /** What it answers from now on: it takes events, refuses them with a status, takes them and says fewer than it got, or says nothing. */
  behave(as: Manner): void;
  close(): Promise<void>;
}

export async function receiveEvents(eventKey: string): Promise<EventReceiver> {
  const calls: ReleasedEvent[][] = [];
  let manner: Manner = "take";
  const server: RunningServer = await listen(
    (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        if (manner === "hang") return;
        const isKnown = request.url === `/e/${eventKey}`;
        if (!isKnown || typeof manner === "number") {
          response.writeHead(typeof manner === "number" ? manner : 401).end("{}");
          return;
        }
        const events = JSON.parse(Buffer.concat(chunks).toString("utf8")) as ReleasedEvent[];
        calls.push(events);
        const ids = events.map(({ id }) => id);
        response.writeHead(200).end(JSON.stringify({ ids: manner === "take" ? ids : ids.slice(1), status: 200 }));
      });
    },
    { host: "127.0.0.1", port: 0 },
  );
  return {
    url: `http://127.0.0.1:${server.port}`,
    calls,
    get events() {
      return calls.flat();
    },
    behave: (as) => (manner = as),
    close: async () => {
      await server.close(500);
    },
  };
}
