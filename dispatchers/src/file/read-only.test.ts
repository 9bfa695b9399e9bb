import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

/** All that is asked of a folder's file system: nothing of it changes anything. */
const READING = new Set(["BigIntStats", "FileHandle", "constants", "lstat", "open", "readdir", "realpath"]);
const FLAGS = new Set(["constants.O_RDONLY", "constants.O_DIRECTORY", "constants.O_NOFOLLOW", "constants.O_NONBLOCK"]);

const sources = readdirSync(new URL(".", import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.includes(".test."))
  .map(({ name }) => ({ name, text: readFileSync(new URL(name, import.meta.url), "utf8") }));

/**
 * The folders of tenants are the operator's: looks read them, and neither suspending nor off-boarding nor erasing a tenant touches its folder or another's. The rest of the product has no
 * folder to write to.
 */
test("what watches folders can read and nothing else", () => {
  const imported = sources.flatMap(({ name, text }) => [...text.matchAll(/import (?:type )?\{([^}]*)\} from "node:fs(?:\/promises)?"/g)].flatMap(([, names = ""]) => names.split(",").map((one) => `${name} ${one.replace(/^\s*type /, "").trim()}`)));
  expect(imported.length).toBeGreaterThan(0);
  expect(imported.filter((one) => !READING.has(one.split(" ")[1] ?? ""))).toEqual([]);
  const opened = sources.flatMap(({ text }) => [...text.matchAll(/\bopen\((?:path|this\.#at\(name\)), ([^)]*)\)/g)].map(([, flags = ""]) => flags));
  expect(opened.length).toBeGreaterThan(0);
  expect(opened.filter((flags) => flags.split(" | ").some((flag) => !FLAGS.has(flag)))).toEqual([]);
});
