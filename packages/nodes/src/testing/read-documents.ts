import { inflateRawSync, inflateSync } from "node:zlib";

/** The texts of a ZIP archive by their paths, read by its central directory (APPNOTE.TXT, sections 4.3.12 and 4.3.16). */
export function readZip(content: Uint8Array): ReadonlyMap<string, string> {
  const zip = Buffer.from(content);
  const end = zip.lastIndexOf(Buffer.from("PK\u0005\u0006"));
  const entries = new Map<string, string>();
  let offset = zip.readUInt32LE(end + 16);
  for (let count = zip.readUInt16LE(end + 10); count > 0; count -= 1) {
    const [nameLength, extraLength, commentLength] = [zip.readUInt16LE(offset + 28), zip.readUInt16LE(offset + 30), zip.readUInt16LE(offset + 32)];
    const name = zip.toString("utf8", offset + 46, offset + 46 + nameLength);
    const local = zip.readUInt32LE(offset + 42);
    const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const packed = zip.subarray(begin, begin + zip.readUInt32LE(offset + 20));
    entries.set(name, (zip.readUInt16LE(offset + 10) === 0 ? packed : inflateRawSync(packed)).toString("utf8"));
    offset += 46 + nameLength + extraLength + commentLength;
  }
  return entries;
}

/** What the pages of a PDF with built-in fonts show: the texts of its content streams, in their order. */
export function readPdfText(content: Uint8Array): string {
  const pdf = Buffer.from(content).toString("latin1");
  const streams = [...pdf.matchAll(/\/FlateDecode\n>>\nstream\n([\s\S]*?)\nendstream/g)].map(([, stream = ""]) => inflateSync(Buffer.from(stream, "latin1")).toString("latin1"));
  const shown = streams.flatMap((stream) => [...stream.matchAll(/\[([^\]]*)\] TJ/g)].map(([, parts = ""]) => parts));
  return shown.map((parts) => [...parts.matchAll(/<([0-9a-f]+)>/g)].map(([, hex = ""]) => Buffer.from(hex, "hex").toString("latin1")).join("")).join("\n");
}
