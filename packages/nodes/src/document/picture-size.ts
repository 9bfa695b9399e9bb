import type { Picture } from "./content.ts";

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** Frame headers of JPEG: all SOF markers but those of tables in between. */
const JPEG_FRAMES: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xc2, 0xc3, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcd, 0xce, 0xcf]);

/** The size of a picture in pixels. @throws RangeError for what is none */
export function pictureSize({ mediaType, content }: Picture): PictureSize {
  const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return mediaType === "image/png" ? { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) } : jpegSize(bytes);
}

function jpegSize(bytes: Buffer): PictureSize {
  for (let offset = 2; ; offset += 2 + bytes.readUInt16BE(offset + 2)) {
    if (bytes.readUInt8(offset) !== 0xff) {
      throw new RangeError("The picture is no JPEG.");
    }
    if (JPEG_FRAMES.has(bytes.readUInt8(offset + 1))) {
      return { height: bytes.readUInt16BE(offset + 5), width: bytes.readUInt16BE(offset + 7) };
    }
  }
}
