import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { contextOf } from "../context.ts";
import { UsageError } from "../exit-codes.ts";
import { table, type Terminal } from "../terminal.ts";

interface ExportOptions {
  readonly from: string;
  readonly to: string;
  readonly granularity: string;
  readonly format: string;
  readonly out: string;
}

/** `usage …` */
export function addUsageCommands(program: Command, terminal: Terminal): void {
  const usage = program.command("usage").description("What tenants used, and what it costs.");
  usage
    .command("export")
    .description("Write the usage of --tenant, or of all tenants of the agency with its charges, into a file, as it comes.")
    .requiredOption("--from <instant>", "the hour or day of this instant is the first, for example 2026-11-01T00:00:00Z")
    .requiredOption("--to <instant>", "the hour or day of the last instant before this one is the last")
    .requiredOption("--out <path>", "the file; it must not exist")
    .option("--granularity <granularity>", "hour or day", "day")
    .option("--format <format>", "csv, or ndjson: one JSON object per line", "csv")
    .action(async (options: ExportOptions, command: Command) => {
      const { client, show, tenantId } = contextOf(command, terminal);
      const query = { from: options.from, to: options.to, granularity: oneOf(options.granularity, ["hour", "day"]), format: oneOf(options.format, ["csv", "ndjson"]) };
      const bytes = tenantId === undefined ? client.content("exportAgencyUsage", { query }) : client.content("exportUsage", { params: { tenantId }, query });
      await pipeline(Readable.from(bytes), createWriteStream(options.out, { flags: "wx" }));
      show({ file: options.out }, `Written to ${options.out}.`);
    });
  usage
    .command("forecast")
    .description("Tell when the quotas of a month will be used up.")
    .argument("[tenant]", "its id; else that of --tenant")
    .action(async (given: string | undefined, _options: unknown, command: Command) => {
      const { client, show, tenantId = given } = contextOf(command, terminal);
      const id = given ?? tenantId;
      if (id === undefined) throw new UsageError("Name the tenant.");
      const { body } = await client.call("forecastUsage", { params: { tenantId: id } });
      show(body, table(["QUOTA", "LIMIT", "USED", "PER DAY", "EXPECTED", "USED UP"], body.quotas.map(({ metric, limit, used, perDay, expected, exhaustedAt }) => [metric, limit, used, perDay, expected, exhaustedAt])));
    });
}

function oneOf<T extends string>(text: string, known: readonly T[]): T {
  const found = known.find((word) => word === text);
  if (found === undefined) throw new UsageError(`"${text}" is not one of ${known.join(", ")}.`);
  return found;
}
