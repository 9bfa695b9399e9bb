import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame, FrameReader, type Answer } from "./protocol.ts";

const READY: Answer = { kind: "ready" };

describe("frames", () => {
  test("arrive whole, however they are cut", () => {
    const frames = fc.array(fc.record({ logs: fc.array(fc.string({ unit: "grapheme" })), body: fc.string({ unit: "grapheme", maxLength: 200 }) }), { maxLength: 5 });
    fc.assert(
      fc.property(frames, fc.array(fc.nat(400)), (sent, cuts) => {
        const bytes = Buffer.concat(sent.map(({ logs, body }) => encodeFrame({ kind: "done", logs, canGoOn: true }, body)));
        const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((a, b) => a - b), bytes.length];
        const reader = new FrameReader({ headerBytesMax: 100_000, bodyBytesMax: 100_000 });
        const received = edges.slice(1).flatMap((end, index) => reader.push(bytes.subarray(edges[index], end)));
        expect(received.map(({ header, body }) => ({ header, body: body.toString() }))).toEqual(sent.map(({ logs, body }) => ({ header: { kind: "done", logs, canGoOn: true }, body })));
      }),
    );
  });

  test.each([
    [0xffff_ffff, 0],
    [10, 0xffff_ffff],
    [101, 0],
    [10, 1_001],
  ])("that announce %d and %d bytes are refused before they come", (header, body) => {
    const prefix = Buffer.alloc(8);
    prefix.writeUInt32BE(header, 0);
    prefix.writeUInt32BE(body, 4);
    expect(() => new FrameReader({ headerBytesMax: 100, bodyBytesMax: 1_000 }).push(prefix)).toThrow(RangeError);
  });

  test("with a header that is no JSON are refused", () => {
    const frame = encodeFrame(READY, "");
    frame.write("?", 8);
    expect(() => new FrameReader({ headerBytesMax: 100, bodyBytesMax: 0 }).push(frame)).toThrow(SyntaxError);
  });
});
