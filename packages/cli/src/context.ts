import { FluxoClient } from "@fluxo/client/client";
import type { Command } from "commander";
import { readConfig } from "./config-file.ts";
import { UsageError } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

/** What every command is given. */
export interface Context {
  readonly terminal: Terminal;
  readonly isJson: boolean;
  readonly url: string;
  readonly tenantId: string | undefined;
  readonly client: FluxoClient;
  /** Writes a result: as JSON, or as the text made for people. */
  readonly show: (value: unknown, text: string) => void;
}

export const VERSION = "0.1.0";
export const USER_AGENT = `fluxo-cli/${VERSION}`;

interface GlobalOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly tenant?: string;
}

/** The context of a command, from its options, the environment and the configuration, in this order. @throws UsageError when there is no key */
export function contextOf(command: Command, terminal: Terminal): Context {
  const { json = false, url, tenant } = command.optsWithGlobals<GlobalOptions>();
  const config = readConfig(terminal.env);
  const baseUrl = url ?? terminal.env["FLUXO_URL"] ?? config?.url;
  // A key goes only where it belongs: to the address that it was stored with.
  const apiKey = terminal.env["FLUXO_API_KEY"] ?? (config !== undefined && config.url === baseUrl ? config.apiKey : undefined);
  if (baseUrl === undefined || apiKey === undefined) throw new UsageError("You are not logged in here. Use `fluxo login`, or set FLUXO_URL and FLUXO_API_KEY.");
  requireAddress(baseUrl);
  const tenantId = tenant ?? terminal.env["FLUXO_TENANT"] ?? config?.tenantId;
  const client = new FluxoClient({ baseUrl, apiKey, userAgent: USER_AGENT, ...(tenantId === undefined ? {} : { tenantId }) });
  const show = (value: unknown, text: string): void => terminal.out(json ? JSON.stringify(value, null, 2) : text);
  return { terminal, isJson: json, url: baseUrl, tenantId, client, show };
}

/** @throws UsageError for what is not the address of an admin API. The value is not told: it may hold a password. */
export function requireAddress(url: string): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new UsageError("--url or FLUXO_URL is not the address of an admin API: use one such as https://fluxo.example.com.");
}

/** Up to so many items of a list. */
export async function take<T>(items: AsyncIterable<T>, limit: number): Promise<T[]> {
  const taken: T[] = [];
  if (limit === 0) return taken;
  for await (const item of items) {
    taken.push(item);
    if (taken.length >= limit) break;
  }
  return taken;
}

/** @throws UsageError */
export function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new UsageError(`"${text}" is not a number from 1 to 999999.`);
  return Number(text);
}

/** A length of time such as 90s, 15m, 24h or 7d, in milliseconds. @throws UsageError */
export function duration(text: string): number {
  const [, amount, unit = ""] = /^([1-9]\d{0,5})(s|m|h|d)$/.exec(text) ?? [];
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit];
  if (amount === undefined || unitMs === undefined) throw new UsageError(`"${text}" is not a length of time such as 15m, 24h or 7d.`);
  return Number(amount) * unitMs;
}
