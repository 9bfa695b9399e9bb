import { once } from "node:events";
import { Worker } from "node:worker_threads";
import Parser from "rss-parser";
import { z } from "zod";
import type { Measured } from "../report.ts";
import { lookAtAll, rateOf } from "./looks.ts";
import { seedTriggers } from "./seed.ts";
import type { DispatchStage } from "./stage.ts";

const FEEDS = 10_000;
const HOSTS = 40;
const ITEMS = 20;
/** As one dispatcher of feeds has. */
const LOOKS_AT_ONE_TIME = 20;

/** Feeds on local servers, all due at once and looked at for the first time, so that each is fetched, parsed and committed; beside a loop that fetches and parses them. */
export async function measureFeeds(stage: DispatchStage, rounds: number, count: number = FEEDS): Promise<Measured[]> {
  const servers = new Worker(new URL("./feed-hosts.ts", import.meta.url), { workerData: { hosts: HOSTS, items: ITEMS } });
  try {
    const hosts = z.tuple([z.array(z.string())]).parse(await once(servers, "message"))[0];
    await seedTriggers(stage.owner, "rss", count);
    await placeFeeds(stage, hosts);
    const urls = Array.from({ length: count }, (_, n) => `http://${hosts[n % hosts.length]}/${n}.xml`);
    const [looked, bare]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      looked.push(await lookAtAll(stage, { kind: "rss", count, isFirst: true, env: { FLUXO_ALLOWED_PRIVATE_HOSTS: hosts.join(",") } }));
      bare.push(await rateOf(urls, LOOKS_AT_ONE_TIME, fetchAndParse));
    }
    return [{ name: `looks at ${count} feeds of ${ITEMS} items on ${HOSTS} hosts, beside bare fetch and rss-parser`, unit: "looks/s", values: looked, baselines: bare }];
  } finally {
    await servers.terminate();
  }
}

/** Gives every trigger a feed of its own, over all hosts in turn. */
async function placeFeeds({ owner }: DispatchStage, hosts: readonly string[]): Promise<void> {
  await owner.query(
    `UPDATE triggers t SET config = jsonb_build_object('url', 'http://' || ($1::text[])[1 + p.place % cardinality($1::text[])] || '/' || p.place || '.xml', 'intervalSeconds', 900, 'itemsMax', 100)
     FROM (SELECT tenant_id, id, row_number() OVER (ORDER BY id) - 1 AS place FROM triggers WHERE kind = 'rss') p WHERE t.tenant_id = p.tenant_id AND t.id = p.id`,
    [hosts],
  );
}

async function fetchAndParse(url: string): Promise<void> {
  const response = await fetch(url);
  const { items } = await new Parser().parseString(await response.text());
  if (items.length !== ITEMS) throw new Error(`A feed had ${items.length} items.`);
}
