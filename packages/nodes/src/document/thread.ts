import { parentPort, workerData } from "node:worker_threads";
import type { RenderJob } from "./content.ts";
import { render } from "./render.ts";

/** What the thread answers. */
export type Answer = { readonly kind: "done"; readonly content: Uint8Array; readonly pages?: number; readonly replacedCharacters?: number } | { readonly kind: "failed"; readonly message: string };

/**
 * Libraries write the time into files and make up names by chance. This thread makes one file and ends, so both are fixed for all of it:
 * an attempt that is repeated makes the same bytes, and the file is the same file.
 */
function fixTimeAndChance(nowMs: number): void {
  globalThis.Date = new Proxy(Date, {
    construct: (target, args) => Reflect.construct(target, args.length === 0 ? [nowMs] : args),
    get: (target, name): unknown => (name === "now" ? () => nowMs : Reflect.get(target, name)),
  });
  let state = 1;
  Math.random = () => {
    // Park and Miller's generator.
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const job: RenderJob = workerData;
fixTimeAndChance(job.createdAtMs);
const answer = await render(job).then(
  (rendered): Answer => ({ kind: "done", ...rendered }),
  (error: unknown): Answer => ({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
);
parentPort?.postMessage(answer, []);
