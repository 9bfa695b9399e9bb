import { createFileKeyProvider, createStaticKeyProvider } from "./key-provider.ts";
import { createVault, type Vault } from "./vault.ts";

/** The variables that say where root keys come from (see `COMMON_VARIABLES`). */
export interface VaultConfig {
  readonly FLUXO_MASTER_KEY: Buffer;
  readonly FLUXO_PREVIOUS_MASTER_KEYS: readonly Buffer[];
  readonly FLUXO_MASTER_KEY_FILE?: string | undefined;
}

/** The vault that the configuration asks for. @throws Error when the key file cannot be used */
export async function openConfiguredVault({ FLUXO_MASTER_KEY, FLUXO_PREVIOUS_MASTER_KEYS, FLUXO_MASTER_KEY_FILE }: VaultConfig): Promise<Vault> {
  const nowMs = (): number => performance.now();
  const provider = FLUXO_MASTER_KEY_FILE === undefined ? createStaticKeyProvider(FLUXO_MASTER_KEY, FLUXO_PREVIOUS_MASTER_KEYS) : await createFileKeyProvider(FLUXO_MASTER_KEY_FILE, nowMs);
  return createVault(provider, nowMs);
}
