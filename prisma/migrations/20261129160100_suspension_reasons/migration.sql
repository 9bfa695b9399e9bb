-- Why a tenant is suspended, in its agency's words.
ALTER TABLE "tenants"
  ADD COLUMN "suspension_reason" TEXT,
  ADD CONSTRAINT "tenants_suspension_check" CHECK ("status" = 'SUSPENDED' OR "suspension_reason" IS NULL);
