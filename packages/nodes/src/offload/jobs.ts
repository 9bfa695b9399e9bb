import type { Json } from "@fluxo/core/json";
import { writeCsv } from "../format/csv.ts";
import { writeMarkdown } from "../format/markdown.ts";
import { writeXml } from "../format/xml.ts";
import { readCsv } from "../parse/csv.ts";
import { readHtml } from "../parse/html.ts";
import { readXml } from "../parse/xml.ts";
import { orderOf } from "../sort/order.ts";

/** Work that can take long or never end when its input is made for that. Each job is a pure function of data; its failures are NodeErrors. */
export const jobs = {
  readCsv,
  readXml,
  readHtml,
  writeCsv,
  writeXml,
  writeMarkdown,
  orderOf,
} as const satisfies Record<string, (input: never) => Json>;

export type JobName = keyof typeof jobs;

/** What a job is given, by its name. */
export type JobInputs = { readonly [N in JobName]: Parameters<(typeof jobs)[N]>[0] };

/** What a job gives, by its name. */
export type JobOutputs = { readonly [N in JobName]: ReturnType<(typeof jobs)[N]> };

/** A job and its input, which fit together. */
export type Job = { readonly [N in JobName]: { readonly name: N; readonly input: JobInputs[N] } }[JobName];

const byName: { readonly [N in JobName]: (input: JobInputs[N]) => JobOutputs[N] } = jobs;

/** Does a job here and now. @throws NodeError what the job throws; anything else is a defect, or a stack that ran over */
export function doJob<N extends JobName>(name: N, input: JobInputs[N]): JobOutputs[N] {
  return byName[name](input);
}
