-- Binary data of executions. Nodes hand on references; the content is in rows of at most 1 MiB, so that reading one part loads no more than that part.
CREATE TABLE "files" (
  "tenant_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "execution_id" UUID NOT NULL,
  "node_id" TEXT NOT NULL,
  "item" INTEGER NOT NULL,
  "name" TEXT NOT NULL,
  "media_type" TEXT NOT NULL,
  "bytes" INTEGER NOT NULL,
  "sha256" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "files_pkey" PRIMARY KEY ("tenant_id", "id"),
  CONSTRAINT "files_tenant_id_execution_id_fkey" FOREIGN KEY ("tenant_id", "execution_id") REFERENCES "executions"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "files_bytes_check" CHECK ("bytes" BETWEEN 0 AND 26214400),
  CONSTRAINT "files_sha256_check" CHECK ("sha256" ~ '^[0-9a-f]{64}$'),
  CONSTRAINT "files_name_check" CHECK (length("name") BETWEEN 1 AND 255 AND "name" !~ '[/\\[:cntrl:]]')
);
-- The same content under the same name by the same node and item is the same file: an attempt may be repeated.
CREATE UNIQUE INDEX "files_tenant_id_execution_id_node_id_item_name_sha256_key" ON "files"("tenant_id", "execution_id", "node_id", "item", "name", "sha256");

CREATE TABLE "file_chunks" (
  "tenant_id" UUID NOT NULL,
  "file_id" UUID NOT NULL,
  "position" INTEGER NOT NULL,
  "content" BYTEA NOT NULL,
  CONSTRAINT "file_chunks_pkey" PRIMARY KEY ("tenant_id", "file_id", "position"),
  CONSTRAINT "file_chunks_tenant_id_file_id_fkey" FOREIGN KEY ("tenant_id", "file_id") REFERENCES "files"("tenant_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT "file_chunks_content_check" CHECK (octet_length("content") BETWEEN 1 AND 1048576)
);
-- Most files are packed already.
ALTER TABLE "file_chunks" ALTER COLUMN "content" SET STORAGE EXTERNAL;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['files', 'file_chunks'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I TO fluxo_app USING (tenant_id = (SELECT current_tenant_id())) WITH CHECK (tenant_id = (SELECT current_tenant_id()))', t);
  END LOOP;
END $$;
-- Files never change; they go with their execution.
GRANT SELECT, INSERT ON files, file_chunks TO fluxo_app;
