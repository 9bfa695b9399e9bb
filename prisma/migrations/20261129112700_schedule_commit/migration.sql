-- fluxo_schedule_commit writes what schedules of many tenants came to in one statement: under a uniform load a batch has as many tenants as rows. The tenant
-- of every row is the one of the lease that it names, never one that a caller chose.
CREATE POLICY system_rows ON "occurrences" FOR SELECT TO fluxo_system USING (true);
CREATE POLICY system_inserts ON "occurrences" FOR INSERT TO fluxo_system WITH CHECK (true);
GRANT SELECT, INSERT ON "occurrences" TO fluxo_system;
GRANT INSERT ON "executions" TO fluxo_system;
