import { randomFillSync } from "node:crypto";
import type { IdSource } from "@fluxo/core/ports/clock";
import { v7 } from "uuid";

const ID_BYTES = 16;
/** One call for the random bytes of this many ids: a call per id was a tenth of the ingress' work. */
const pool = Buffer.alloc(256 * ID_BYTES);
let used = pool.length;
let lastMs = Number.NEGATIVE_INFINITY;
let sequence = 0;

function randomBytes(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += ID_BYTES;
  return pool.subarray(used - ID_BYTES, used);
}

/**
 * Identifiers of everything that Fluxo creates: UUID version 7 (RFC 9562), so that keys are inserted in order of creation. Within one millisecond, and
 * when the clock goes back, a counter of 32 bits that begins at random keeps the order.
 */
export const uuidV7: IdSource = {
  next: () => {
    const random = randomBytes();
    const nowMs = Date.now();
    if (nowMs > lastMs) {
      lastMs = nowMs;
      sequence = new DataView(random.buffer, random.byteOffset).getUint32(0) >>> 1;
    } else {
      sequence = (sequence + 1) >>> 0;
      if (sequence === 0) lastMs += 1;
    }
    return v7({ msecs: lastMs, seq: sequence, random });
  },
};
