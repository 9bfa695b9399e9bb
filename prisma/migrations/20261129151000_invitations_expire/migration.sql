-- An invitation that nobody took up ends by itself, and with it the hold on the seat: an address may have got another owner meanwhile. Those that are open now get the time that a new one gets.
ALTER TABLE "members" ADD COLUMN "invitation_expires_at" TIMESTAMPTZ(3);
ALTER TABLE members NO FORCE ROW LEVEL SECURITY;
UPDATE members SET invitation_expires_at = CURRENT_TIMESTAMP + interval '14 days' WHERE joined_at IS NULL AND external_user_id IS NULL;
ALTER TABLE members FORCE ROW LEVEL SECURITY;
ALTER TABLE "members" ADD CONSTRAINT "members_invitation_check" CHECK ("external_user_id" IS NOT NULL OR "joined_at" IS NOT NULL OR "invitation_expires_at" IS NOT NULL);
GRANT INSERT ("invitation_expires_at"), UPDATE ("invitation_expires_at") ON "members" TO fluxo_app;
