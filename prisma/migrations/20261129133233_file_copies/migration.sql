-- Content that a trigger's dispatcher copies part by part before there is an execution: a row without an execution is a copy under way. The commit that tells the change makes it a
-- file of the execution; what is never told is swept.
ALTER TABLE "files"
  ADD COLUMN "is_copy" BOOLEAN NOT NULL DEFAULT false,
  ALTER COLUMN "execution_id" DROP NOT NULL,
  ALTER COLUMN "sha256" DROP NOT NULL,
  DROP CONSTRAINT "files_bytes_check",
  ADD CONSTRAINT "files_bytes_check" CHECK ("bytes" BETWEEN 0 AND CASE WHEN "is_copy" THEN 1073741824 ELSE 26214400 END),
  ADD CONSTRAINT "files_whole_check" CHECK (("execution_id" IS NULL) = ("sha256" IS NULL) AND ("is_copy" OR "execution_id" IS NOT NULL)),
  -- A row without an execution belongs to its tenant all the same.
  ADD CONSTRAINT "files_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
CREATE INDEX "files_copies_idx" ON "files"("created_at") WHERE "execution_id" IS NULL;

GRANT SELECT (id, execution_id, created_at), UPDATE (execution_id, sha256), DELETE ON files TO fluxo_system;
-- What belongs to an execution never changes.
CREATE POLICY system_attaches ON files FOR UPDATE TO fluxo_system USING (execution_id IS NULL) WITH CHECK (true);
CREATE POLICY system_sweeps ON files FOR DELETE TO fluxo_system USING (execution_id IS NULL);
