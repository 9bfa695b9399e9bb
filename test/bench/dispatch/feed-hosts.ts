import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { z } from "zod";

/** A thread of its own that serves feeds, so that whoever fetches them has his processor to himself. It posts its hosts (`address:port`) once all listen. */
const { hosts, items } = z.object({ hosts: z.int().min(1).max(254), items: z.int().min(0) }).parse(workerData);

/** Each host has an address in 127.0.0.0/8 of its own. Any path is a feed whose items are its own. */
function serve(address: string): Promise<string> {
  const server = createServer((request, response) => {
    response.writeHead(200, { "content-type": "application/rss+xml" }).end(documentOf(request.url ?? "/"));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, address, () => resolve(`${address}:${(server.address() as AddressInfo).port}`));
  });
}

function documentOf(path: string): string {
  const xml = Array.from({ length: items }, (_, n) => {
    const guid = `${encodeURIComponent(path)}:${n}`;
    return `<item><guid isPermaLink="false">${guid}</guid><title>Title ${n}</title><link>https://news.example/${guid}</link><pubDate>Mon, 05 Jan 2026 08:00:00 GMT</pubDate><description>A few words that say what happened, as feeds do.</description></item>`;
  });
  return `<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>News</title><link>https://news.example/</link>${xml.join("")}</channel></rss>`;
}

parentPort?.postMessage(await Promise.all(Array.from({ length: hosts }, (_, n) => serve(`127.0.0.${n + 1}`))), []);
