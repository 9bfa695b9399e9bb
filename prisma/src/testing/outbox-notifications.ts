import type pg from "pg";

/** What relays were told. */
export interface OutboxNotifications {
  /** Ends the count. @returns how many notifications of transactions that were committed before this call */
  heard(): Promise<number>;
}

/** Counts what relays are told from now on. */
export async function listenToOutbox(db: pg.Pool): Promise<OutboxNotifications> {
  const client = await db.connect();
  let count = 0;
  client.on("notification", () => (count += 1));
  await client.query("LISTEN fluxo_outbox");
  return {
    heard: async () => {
      // What was told before this statement has come with its answer.
      await client.query("SELECT 1");
      client.release(true);
      return count;
    },
  };
}
