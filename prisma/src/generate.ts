import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { prismaCli } from "./database/prisma-cli.ts";

const schema = new URL("../schema.prisma", import.meta.url);
const lock = new URL("../package.json", import.meta.url);
const client = new URL("./generated/client.ts", import.meta.url);
const stamp = new URL("./generated/.stamp", import.meta.url);

const digest = createHash("sha256").update(readFileSync(schema)).update(readFileSync(lock)).digest("hex");
const isCurrent = existsSync(client) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest;
if (!isCurrent) {
  const { exitCode, output } = await prismaCli(["generate"]);
  if (exitCode !== 0) {
    console.error(output);
    process.exit(exitCode);
  }
  writeFileSync(stamp, digest);
}
console.log(isCurrent ? "The Prisma client is up to date." : "The Prisma client was generated.");
