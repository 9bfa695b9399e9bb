import { NODE_STATUS_FIELD, nodeStatusEntrySchema, nodeStatusStream, type NodeStatusEntry } from "@fluxo/contracts/channels/node-status";
import type { RedisClient } from "@fluxo/runtime/redis";

/** One entry of the stream of an execution. */
export interface StreamEntry {
  /** Its place in the stream, which readers name as Last-Event-ID. */
  readonly id: string;
  readonly entry: NodeStatusEntry;
}

/** The place before all entries. */
export const STREAM_START = "0-0";

/** More than a stream keeps, which is cut in steps. */
const ALL_MAX = 10_000;
const ID = /^\d{1,19}-\d{1,19}$/;

/** Reads the stream of one execution of one tenant; entries of another tenant are not seen. Its methods throw when Redis is away. */
export class StreamReader {
  readonly #redis: RedisClient;
  readonly #tenantId: string;
  readonly #stream: string;

  /** @param redis role `commands` */
  constructor(redis: RedisClient, of: { readonly tenantId: string; readonly executionId: string }) {
    this.#redis = redis;
    this.#tenantId = of.tenantId;
    this.#stream = nodeStatusStream(of.tenantId, of.executionId);
  }

  /** Whether the stream still has the entry, and so all that came after it. */
  async has(id: string): Promise<boolean> {
    return ID.test(id) && (await this.#redis.xrange(this.#stream, id, id, "COUNT", 1)).length > 0;
  }

  /** Entries after a place, oldest first, and the place of the last of them. */
  async after(id: string, limit = ALL_MAX): Promise<{ readonly entries: readonly StreamEntry[]; readonly lastId: string }> {
    const rows = await this.#redis.xrange(this.#stream, `(${id}`, "+", "COUNT", limit);
    return { entries: rows.flatMap((row) => this.#read(row)), lastId: rows.at(-1)?.[0] ?? id };
  }

  /** None when the entry is of another tenant, or of a version that is not known. */
  #read([id, fields]: readonly [id: string, fields: readonly string[]]): readonly StreamEntry[] {
    const text = fields[fields.indexOf(NODE_STATUS_FIELD) + 1];
    const parsed = nodeStatusEntrySchema.safeParse(parseJson(text));
    return parsed.success && parsed.data.tenantId === this.#tenantId ? [{ id, entry: parsed.data }] : [];
  }
}

function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
