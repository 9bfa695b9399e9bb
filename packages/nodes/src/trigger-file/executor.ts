import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import { safeFileName } from "../schemas/file.ts";
import { recordedChangeSchema, type FileTriggerParams } from "./definition.ts";

/** The change was recorded with the occurrence; it becomes the output. Content that was recorded with it becomes a file of this execution, and a reference in the output; content that was copied before is one already. */
export const executeFileTrigger: NodeExecutor<FileTriggerParams> = async (params, { trigger, files }) => {
  if (params.content === "none") return { kind: "done", output: trigger };
  const recorded = recordedChangeSchema.safeParse(trigger);
  if (!recorded.success) throw new NodeError("The recorded input is no change of a file: a file trigger with content cannot be started by hand without one.", { errorClass: "DATA", code: "DATA_UNREADABLE" });
  const { content, file: copied = null, mediaType = "application/octet-stream", ...change } = recorded.data;
  const file = content === undefined ? copied : await files.save({ name: safeFileName(change.path, "file"), mediaType, content: Buffer.from(content, "base64") });
  return { kind: "done", output: { ...change, file } };
};
