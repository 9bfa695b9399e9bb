import type { IdSource } from "@fluxo/core/ports/clock";
import type { SecretBox } from "@fluxo/runtime/secrets/box";

/** What publishing needs beside the database. */
export interface PublishPorts {
  readonly ids: IdSource;
  readonly randomBytes: (size: number) => Buffer;
  /** Seals the secrets of new webhook triggers. */
  readonly box: SecretBox;
}
