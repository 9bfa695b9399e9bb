import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeCatalog } from "../catalog.ts";
import { renderNodeDocs } from "./render.ts";

/** Writes `docs/nodes` anew: `node packages/nodes/src/docs/write.ts`. */
const directory = join(import.meta.dirname, "../../../../docs/nodes");
const pages = renderNodeDocs(describeCatalog());

mkdirSync(directory, { recursive: true });
for (const name of readdirSync(directory).filter((file) => file.endsWith(".md") && !pages.has(file))) {
  rmSync(join(directory, name));
}
for (const [name, page] of pages) {
  writeFileSync(join(directory, name), page);
}
process.stdout.write(`${pages.size} pages written to ${directory}\n`);
