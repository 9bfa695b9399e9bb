import { HEADER_BYTES_MAX, INPUT_BYTES_MAX } from "../limits.ts";
import { encodeFrame, FrameReader, type JobHeader } from "../protocol.ts";
import { Engine } from "./engine.ts";

// The process in which strangers' code runs: jobs come by standard input, one at a time, answers go to standard output. It ends with its parent.
const engine = await Engine.create(Number(process.argv[2]));
const frames = new FrameReader({ headerBytesMax: HEADER_BYTES_MAX, bodyBytesMax: INPUT_BYTES_MAX });
process.stdin.on("data", (chunk: Buffer) => {
  for (const { header, body } of frames.push(chunk)) {
    const { answer, output } = engine.run(header as JobHeader, body.toString("utf8"));
    process.stdout.write(encodeFrame(answer, output));
  }
});
process.stdin.on("end", () => process.exit());
process.stdout.write(encodeFrame({ kind: "ready" }, ""));
