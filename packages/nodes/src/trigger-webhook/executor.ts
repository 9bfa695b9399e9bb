import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { WebhookTriggerParams } from "./definition.ts";

/** The request was received before the execution began; its record becomes the output. */
export const executeWebhookTrigger: NodeExecutor<WebhookTriggerParams> = (_params, context) => ({ kind: "done", output: context.trigger });
