import { Queue } from "bullmq";
import { receiver } from "./receive.ts";
import { QUEUE_NAME, readSettings } from "./settings.ts";

// The front door of the BullMQ baseline: the bare receiver, and one job per request.
const { port, secret, redisUrl } = readSettings();
const queue = new Queue(QUEUE_NAME, { connection: { url: redisUrl }, defaultJobOptions: { removeOnComplete: true } });
const app = receiver(secret, async (id, body) => {
  await queue.add("execute", body, { jobId: id });
});
app.listen(port, "127.0.0.1");
