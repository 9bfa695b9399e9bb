-- The role under which one tenant's rows are read for its archive and erased. Nobody logs in as it: only the functions that it owns act under it, and its
-- policies (written by functions/off-boarding.sql for every table with a tenant_id, whoever made it) show it one tenant at a time.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'fluxo_eraser') THEN
    CREATE ROLE fluxo_eraser NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOINHERIT;
  END IF;
END $$;
GRANT USAGE ON SCHEMA public TO fluxo_eraser;

ALTER TABLE "tenants" DROP CONSTRAINT "tenants_status_check", ADD CONSTRAINT "tenants_status_check" CHECK ("status" IN ('ACTIVE', 'SUSPENDED', 'OFFBOARDING'));

-- The end of a tenant, and what is left of it afterwards: the certificate. It belongs to the agency and outlives the tenant, so nothing here refers to it.
CREATE TABLE "off_boardings" (
  "agency_id" UUID NOT NULL,
  "id" UUID NOT NULL,
  "subject_id" UUID NOT NULL,
  "status" TEXT NOT NULL,
  "external_id_hash" TEXT,
  "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "requested_by_kind" TEXT NOT NULL,
  "requested_by" UUID NOT NULL,
  "archive_ready_at" TIMESTAMPTZ(3),
  "archive_sha256" TEXT,
  "archive_bytes" BIGINT,
  "acknowledged_at" TIMESTAMPTZ(3),
  "acknowledged_by_kind" TEXT,
  "acknowledged_by" UUID,
  "erase_requested_at" TIMESTAMPTZ(3),
  "erase_requested_by_kind" TEXT,
  "erase_requested_by" UUID,
  "keys_destroyed_at" TIMESTAMPTZ(3),
  "redis_keys_deleted" INTEGER,
  "completed_at" TIMESTAMPTZ(3),
  "next_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "lease_owner" TEXT,
  "lease_until" TIMESTAMPTZ(3),
  "lease_epoch" INTEGER NOT NULL DEFAULT 0,
  CONSTRAINT "off_boardings_pkey" PRIMARY KEY ("agency_id", "id"),
  CONSTRAINT "off_boardings_agency_id_fkey" FOREIGN KEY ("agency_id") REFERENCES "agencies"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "off_boardings_status_check" CHECK ("status" IN ('STOPPING', 'EXPORTING', 'READY', 'ACKNOWLEDGED', 'ERASING', 'ERASED', 'ABORTED')),
  CONSTRAINT "off_boardings_lease_check" CHECK (("lease_owner" IS NULL) = ("lease_until" IS NULL)),
  CONSTRAINT "off_boardings_archive_check" CHECK (("archive_ready_at" IS NULL) = ("archive_sha256" IS NULL) AND ("archive_sha256" IS NULL) = ("archive_bytes" IS NULL)),
  CONSTRAINT "off_boardings_completed_check" CHECK (("status" IN ('ERASED', 'ABORTED')) = ("completed_at" IS NOT NULL))
);
-- One at a time for a tenant.
CREATE UNIQUE INDEX "off_boardings_open" ON "off_boardings"("subject_id") WHERE (completed_at IS NULL);
CREATE INDEX "off_boardings_due" ON "off_boardings"("next_at") WHERE (completed_at IS NULL);

-- Table by table: what was archived, what was there before the erasure, what was deleted, what is left.
CREATE TABLE "off_boarding_tables" (
  "agency_id" UUID NOT NULL,
  "off_boarding_id" UUID NOT NULL,
  "table_name" TEXT NOT NULL,
  "position" INTEGER NOT NULL,
  "note" TEXT,
  "rows_archived" BIGINT NOT NULL DEFAULT 0,
  "archived_to" JSONB,
  "is_archived" BOOLEAN NOT NULL DEFAULT false,
  "rows_before" BIGINT,
  "rows_deleted" BIGINT NOT NULL DEFAULT 0,
  "rows_left" BIGINT,
  CONSTRAINT "off_boarding_tables_pkey" PRIMARY KEY ("agency_id", "off_boarding_id", "table_name"),
  CONSTRAINT "off_boarding_tables_agency_id_off_boarding_id_fkey" FOREIGN KEY ("agency_id", "off_boarding_id") REFERENCES "off_boardings"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT
);

-- The archive, part by part: each is a gzip member of its own with one file of the tar in it, so that the parts one after the other are the archive.
CREATE TABLE "archive_parts" (
  "agency_id" UUID NOT NULL,
  "off_boarding_id" UUID NOT NULL,
  "position" INTEGER NOT NULL,
  "file_name" TEXT NOT NULL,
  "rows" INTEGER NOT NULL,
  "bytes" INTEGER NOT NULL,
  "sha256" TEXT NOT NULL,
  "content" BYTEA NOT NULL,
  CONSTRAINT "archive_parts_pkey" PRIMARY KEY ("agency_id", "off_boarding_id", "position"),
  CONSTRAINT "archive_parts_agency_id_off_boarding_id_fkey" FOREIGN KEY ("agency_id", "off_boarding_id") REFERENCES "off_boardings"("agency_id", "id") ON DELETE CASCADE ON UPDATE RESTRICT
);
ALTER TABLE "archive_parts" ALTER COLUMN "content" SET STORAGE EXTERNAL;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['off_boardings', 'off_boarding_tables', 'archive_parts'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY agency_rows ON %I TO fluxo_app USING (agency_id = (SELECT current_agency_id())) WITH CHECK (agency_id = (SELECT current_agency_id()))', t);
    EXECUTE format('CREATE POLICY eraser_rows ON %I TO fluxo_eraser USING (true) WITH CHECK (true)', t);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO fluxo_eraser', t);
  END LOOP;
END $$;
GRANT SELECT, INSERT ON "off_boardings" TO fluxo_app;
GRANT UPDATE ("status", "acknowledged_at", "acknowledged_by_kind", "acknowledged_by", "erase_requested_at", "erase_requested_by_kind", "erase_requested_by", "completed_at", "next_at",
              "archive_ready_at", "archive_sha256", "archive_bytes", "lease_owner", "lease_until") ON "off_boardings" TO fluxo_app;
GRANT SELECT ON "off_boarding_tables", "archive_parts" TO fluxo_app;
GRANT DELETE ON "archive_parts" TO fluxo_app;
CREATE POLICY system_rows ON "off_boardings" TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT ON "off_boardings" TO fluxo_system;
GRANT UPDATE ("lease_owner", "lease_until", "lease_epoch", "next_at") ON "off_boardings" TO fluxo_system;
