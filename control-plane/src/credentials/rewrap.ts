import { assertServiceRole, createPool } from "@fluxo/prisma/database/pool";
import { resealTriggerSecrets, rewrapBatch, type TriggerPlace } from "@fluxo/prisma/credentials/rewrap";
import { createSecretBox, type SecretBox } from "@fluxo/runtime/secrets/box";
import { openConfiguredVault } from "@fluxo/runtime/secrets/configured-vault";
import type { Vault } from "@fluxo/runtime/secrets/vault";
import type pg from "pg";
import { rewrapConfig } from "./config.ts";

/** What a rewrapping came to. */
export interface RewrapReport {
  readonly dataKeys: number;
  readonly triggerSecrets: number;
  /** What no key of this process opens, by tenant and key. The previous master keys must stay until this is empty. */
  readonly unreadable: readonly { readonly tenantId: string; readonly rootKeyId: string }[];
}

/**
 * Brings every data key and every trigger secret to the current master key, while everything else goes on, and prints one line of JSON. Run it once all
 * services have the new key; run it again if it was interrupted. Exits with 1 when something could not be opened.
 */
export async function startRewrap(env: NodeJS.ProcessEnv): Promise<void> {
  const config = rewrapConfig(env);
  const db = createPool({ connectionString: config.FLUXO_SYSTEM_DATABASE_URL, applicationName: "fluxo-rewrap", max: 1, role: "fluxo_system" });
  try {
    await assertServiceRole(db, "fluxo_system");
    const report = await rewrapAll(db, await openConfiguredVault(config), createSecretBox(config.FLUXO_MASTER_KEY, config.FLUXO_PREVIOUS_MASTER_KEYS));
    console.log(JSON.stringify(report));
    if (report.unreadable.length > 0) process.exitCode = 1;
  } finally {
    await db.end();
  }
}

/** @param db fluxo_system */
export async function rewrapAll(db: pg.Pool, vault: Vault, box: SecretBox): Promise<RewrapReport> {
  let [dataKeys, triggerSecrets] = [0, 0];
  const unreadable: { tenantId: string; rootKeyId: string }[] = [];
  // A batch that changed nothing holds only what cannot be opened: what comes after it is asked for with a larger batch.
  for (let limit = BATCH; ; ) {
    const batch = await rewrapBatch(db, vault, limit);
    dataKeys += batch.rewrapped;
    if (batch.rewrapped > 0) continue;
    if (batch.unreadable.length < limit) {
      unreadable.push(...batch.unreadable);
      break;
    }
    limit *= 2;
  }
  for (let next: TriggerPlace | undefined, isFirst = true; isFirst || next !== undefined; isFirst = false) {
    const batch = await resealTriggerSecrets(db, box, next, BATCH);
    triggerSecrets += batch.rewrapped;
    unreadable.push(...batch.unreadable);
    next = batch.next;
  }
  return { dataKeys, triggerSecrets, unreadable: unreadable.map(({ tenantId, rootKeyId }) => ({ tenantId, rootKeyId })) };
}

const BATCH = 100;
