#!/usr/bin/env node
// The door of `npx fluxo`. Runs on Node >= 20: where Node does not read TypeScript by itself, it hands over to Node 24 from npm.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));

if (process.features.typescript) {
  await import(main);
} else {
  const name = process.platform === "win32" ? "node.exe" : "node";
  const node = fileURLToPath(new URL(`../../../node_modules/node/bin/${name}`, import.meta.url));
  if (!existsSync(node)) {
    process.stderr.write("fluxo needs Node 24, which `npm install` brings: run it in Fluxo's folder once.\n");
    process.exit(1);
  }
  const { status, error } = spawnSync(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  if (error !== undefined) process.stderr.write(`${error.message}\n`);
  process.exit(status ?? 1);
}
