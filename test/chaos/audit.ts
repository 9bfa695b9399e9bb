import { withClient } from "../../scripts/environment/postgres.ts";

/**
 * Triggers that write down every change of a status and every journal row, in the transaction that makes it. They belong to the owner, so that no
 * service can get around them; `at` is the database's clock.
 */
const AUDIT = `
  CREATE TABLE chaos_audit (
    seq bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), execution_id uuid NOT NULL, node_id text,
    old_status text, new_status text NOT NULL, old_epoch int, new_epoch int NOT NULL);
  CREATE INDEX ON chaos_audit (execution_id);

  CREATE FUNCTION chaos_audit_execution() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  BEGIN
    INSERT INTO chaos_audit (execution_id, old_status, new_status, old_epoch, new_epoch)
    VALUES (NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status, CASE WHEN TG_OP = 'UPDATE' THEN OLD.lease_epoch END, NEW.lease_epoch);
    RETURN NULL;
  END $$;
  CREATE TRIGGER chaos_audit_insert AFTER INSERT ON executions FOR EACH ROW EXECUTE FUNCTION chaos_audit_execution();
  CREATE TRIGGER chaos_audit_update AFTER UPDATE ON executions FOR EACH ROW
    WHEN ((OLD.status, OLD.lease_epoch) IS DISTINCT FROM (NEW.status, NEW.lease_epoch)) EXECUTE FUNCTION chaos_audit_execution();

  CREATE FUNCTION chaos_audit_node() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  BEGIN
    INSERT INTO chaos_audit (execution_id, node_id, old_status, new_status, old_epoch, new_epoch)
    VALUES (NEW.execution_id, NEW.node_id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.status END, NEW.status, CASE WHEN TG_OP = 'UPDATE' THEN OLD.epoch END, NEW.epoch);
    RETURN NULL;
  END $$;
  CREATE TRIGGER chaos_audit_journal AFTER INSERT OR UPDATE ON node_executions FOR EACH ROW EXECUTE FUNCTION chaos_audit_node();`;

/** Installs the audit in the run's own database. */
export async function installAudit(ownerUrl: string): Promise<void> {
  await withClient(ownerUrl, (client) => client.query(AUDIT));
}
