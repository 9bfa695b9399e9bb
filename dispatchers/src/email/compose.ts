import { AccessTokens } from "@fluxo/prisma/credentials/access-tokens";
import { createGuardedDialer } from "@fluxo/runtime/dial/guarded-dialer";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { openConfiguredVault } from "@fluxo/runtime/secrets/configured-vault";
import type { Dispatcher, DispatcherParts } from "../dispatcher.ts";
import { composePolling } from "../polling/compose-polling.ts";
import { EmailSource } from "./email-source.ts";
import { TriggerCredentials } from "./trigger-credentials.ts";

/** The dispatcher of mailboxes. */
export async function composeEmail(parts: DispatcherParts): Promise<Dispatcher> {
  const { config, app, clock, owner } = parts;
  const vault = await openConfiguredVault(config);
  const http = createGuardedClient({ allowedPrivateHosts: config.FLUXO_ALLOWED_PRIVATE_HOSTS });
  const dial = createGuardedDialer({ allowedPrivateHosts: config.FLUXO_ALLOWED_PRIVATE_HOSTS });
  const tokens = new AccessTokens({ db: app, vault, http, clock, owner });
  const credentials = new TriggerCredentials({ db: app, vault, tokens });
  return composePolling("email", new EmailSource({ app, credentials, dial, http }), parts);
}
