import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@fluxo/core/json";
import { fileParamsSchema } from "@fluxo/nodes/trigger-file/definition";

/** A root of folders, with one tenant's folder `in`. */
export class TestFolder {
  readonly root: string;
  readonly tenantId: string;

  private constructor(root: string, tenantId: string) {
    this.root = root;
    this.tenantId = tenantId;
  }

  static async make(tenantId: string = randomUUID()): Promise<TestFolder> {
    const root = await mkdtemp(join(tmpdir(), "fluxo-files-"));
    await mkdir(join(root, tenantId, "in"), { recursive: true });
    return new TestFolder(root, tenantId);
  }

  /** Where a path of the watched folder is. */
  at(path = ""): string {
    return join(this.root, this.tenantId, "in", path);
  }

  async write(path: string, content = path): Promise<void> {
    await mkdir(join(this.at(path), ".."), { recursive: true });
    await writeFile(this.at(path), content);
  }

  /** A file whose name is no UTF-8. */
  async writeUnreadable(first = 0xff): Promise<void> {
    await writeFile(Buffer.concat([Buffer.from(`${this.at()}/`), Buffer.from([first, 0xfe])]), "x");
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Parameters in their published form; nothing has to wait unless told. */
export function fileConfig(params: JsonObject = {}): JsonObject {
  const parsed = fileParamsSchema.parse({ source: { kind: "folder", path: "in" }, stability: { mode: "size", quietMs: 0 }, intervalSeconds: 10, ...params });
  return JSON.parse(JSON.stringify(parsed));
}
