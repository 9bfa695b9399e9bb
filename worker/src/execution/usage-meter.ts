import type { Socket } from "node:net";
import { addNodeUsage, type JournalUsage, type NodeUsage } from "@fluxo/core/node/usage";
import type { DialPort } from "@fluxo/core/ports/dial";
import type { HttpPort } from "@fluxo/core/ports/http";

/** Counts what the attempts of one node use, failed ones too. */
export class UsageMeter {
  #answers: NodeUsage | undefined;
  #sentBytes = 0;
  readonly #sockets: Socket[] = [];

  /** Counts an answer of a model. */
  add(usage: NodeUsage): void {
    this.#answers = this.#answers === undefined ? usage : addNodeUsage(this.#answers, usage);
  }

  /** The port, with the bytes of its requests counted. */
  http(port: HttpPort): HttpPort {
    return {
      send: (request) =>
        port.send({
          ...request,
          onSent: (bytes) => {
            this.#sentBytes += bytes;
            request.onSent?.(bytes);
          },
        }),
    };
  }

  /** The port, with the bytes written to its sockets counted. */
  dial(port: DialPort): DialPort {
    return {
      connect: async (target) => {
        const socket = await port.connect(target);
        this.#sockets.push(socket);
        return socket;
      },
    };
  }

  /** All of it so far; undefined when nothing was used. */
  get total(): JournalUsage | undefined {
    const egressBytes = this.#sockets.reduce((sum, socket) => sum + socket.bytesWritten, this.#sentBytes);
    if (egressBytes === 0 && this.#answers === undefined) return undefined;
    return { ...this.#answers, ...(egressBytes === 0 ? {} : { egressBytes }) };
  }
}
