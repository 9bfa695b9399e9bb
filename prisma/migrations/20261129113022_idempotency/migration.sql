-- First answers to requests with an idempotency key: written in the transaction of the change, given again to repeats, swept after their time.
CREATE TABLE "idempotent_answers" (
  "actor_id" TEXT NOT NULL,
  "subject_id" UUID NOT NULL,
  "operation" TEXT NOT NULL,
  "key" TEXT NOT NULL,
  "fingerprint" TEXT NOT NULL,
  "sealed_answer" BYTEA,
  "expires_at" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "idempotent_answers_pkey" PRIMARY KEY ("actor_id", "subject_id", "operation", "key")
);
CREATE INDEX "idempotent_answers_expires_at_idx" ON "idempotent_answers"("expires_at");
CREATE INDEX "idempotent_answers_subject_id_idx" ON "idempotent_answers"("subject_id");

ALTER TABLE idempotent_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotent_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY own_answers ON idempotent_answers TO fluxo_app
  USING (actor_id = (SELECT current_setting('app.actor_id', true))) WITH CHECK (actor_id = (SELECT current_setting('app.actor_id', true)));
CREATE POLICY system_rows ON idempotent_answers TO fluxo_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON idempotent_answers TO fluxo_app;
GRANT SELECT, DELETE ON idempotent_answers TO fluxo_system;
