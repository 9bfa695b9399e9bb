import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, Problem } from "./problem.ts";

/** The root of this checkout. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/[/\\]$/, "");
/** Where `npm start` keeps everything it makes. */
export const STATE_DIR = join(ROOT, ".fluxo");
/** The processes of `npm start`, for the next start and for reset. */
export const PROCESSES_FILE = join(STATE_DIR, "processes.json");
/** What other programs read while Fluxo runs and is ready. */
export const DEV_FILE = join(STATE_DIR, "dev.json");

/** Writes a file that only its owner may read, whole or not at all. */
export function writePrivate(file: string, content: string): void {
  rmSync(`${file}.new`, { force: true });
  writeFileSync(`${file}.new`, content, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Reads a JSON file; undefined when it is missing or cannot be parsed. Its shape is the caller's promise. */
export function readJson<T>(file: string): T | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, "utf8")) as T;
  } catch {
    return undefined;
  }
}

/** Makes the state folder; a Problem when it belongs to somebody else. */
export function openStateDir(dir: string): void {
  try {
    // Others may enter: as root, PostgreSQL runs as another user. The files with secrets are readable by their owner only.
    mkdirSync(join(dir, "logs"), { recursive: true, mode: 0o755 });
    writeFileSync(join(dir, ".write-test"), "");
    rmSync(join(dir, ".write-test"));
  } catch (error) {
    throw new Problem({
      what: `${dir} cannot be written.`,
      why: messageOf(error),
      todo: "run the command as the user who ran it before, or as that user `npm run reset` first.",
    });
  }
}

/** A secret kept in a file of its own: made once, the same ever after. */
export function keepSecret(file: string, make: () => string): string {
  if (existsSync(file)) return readFileSync(file, "utf8").trim();
  const secret = make();
  writePrivate(file, `${secret}\n`);
  return secret;
}

/** Random hexadecimal text of `bytes` bytes. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

/** The Redis key prefix of this checkout, so that two checkouts on one Redis never meet. */
export function redisPrefix(): string {
  return `fluxo-${createHash("sha256").update(ROOT).digest("hex").slice(0, 12)}`;
}

/** What every child gets of our own environment; the rest stays out, so that a stray variable changes nothing. */
const PASSED_ON = /^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|SystemRoot|NODE_EXTRA_CA_CERTS|SSL_CERT_.*|https?_proxy|no_proxy|OTEL_.*|FLUXO_.*)$/i;

/** The environment of a child: the harmless part of ours, and `own` over it. */
export function childEnv(own: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const passed = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name));
  return { ...Object.fromEntries(passed), ...own };
}
