import type { publishedSchema } from "@fluxo/contracts/http/workflows";
import type { z } from "zod";
import type { PublishResult } from "../../../publishing/publish-graph.ts";
import { hookUrlOf } from "../triggers/trigger-answer.ts";
import { toVersionAnswer } from "./workflow-answer.ts";

/** What was published as it is answered, with the secrets that were made for it: this once. */
export function toPublishedAnswer({ version, isNew, synced }: PublishResult, publicIngressUrl: string): z.input<typeof publishedSchema> {
  const triggers = synced.map(({ trigger, secret }) => {
    const { id, nodeId, kind, isEnabled, hasSecret } = trigger;
    return { id, nodeId, kind, isEnabled, hasSecret, hookUrl: hookUrlOf(trigger, publicIngressUrl), ...(secret === undefined ? {} : { secret }) };
  });
  return { isNew, version: toVersionAnswer(version), triggers };
}
