-- An archive waits for every transaction that may have seen the tenant before it was off-boarded, and tells what it waits for. Nothing is erased before each table was found to hold no row
-- that is not in the archive.
ALTER TABLE "off_boardings"
  ADD COLUMN "older_transactions" TEXT[],
  ADD COLUMN "waits_for" TEXT,
  ADD COLUMN "waits_count" INTEGER,
  ADD COLUMN "waits_since" TIMESTAMPTZ(3),
  ADD COLUMN "archives_discarded" INTEGER NOT NULL DEFAULT 0,
  ADD CONSTRAINT "off_boardings_waits_check" CHECK (("waits_for" IS NULL) = ("waits_since" IS NULL) AND ("waits_for" IS NULL) = ("waits_count" IS NULL)),
  ADD CONSTRAINT "off_boardings_waits_for_check" CHECK ("waits_for" IN ('EXECUTIONS', 'TRANSACTIONS', 'USAGE'));
ALTER TABLE "off_boarding_tables" ADD COLUMN "is_verified" BOOLEAN NOT NULL DEFAULT false;
CREATE POLICY eraser_reads ON "usage_mark" FOR SELECT TO fluxo_eraser USING (true);
GRANT SELECT ON "usage_mark" TO fluxo_eraser;
