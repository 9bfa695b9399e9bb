import { AccessTokens } from "@fluxo/prisma/credentials/access-tokens";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { openConfiguredVault } from "@fluxo/runtime/secrets/configured-vault";
import type { Dispatcher, DispatcherParts } from "../dispatcher.ts";
import { TriggerCredentials } from "../email/trigger-credentials.ts";
import { composePolling } from "../polling/compose-polling.ts";
import { createCopySweep } from "./copy-sweep.ts";
import { FileSource } from "./file-source.ts";
import { FolderWatches } from "./folder-watches.ts";
import { bucketOpener } from "./open-bucket.ts";

/** The dispatcher of folders and buckets. */
export async function composeFiles(parts: DispatcherParts): Promise<Dispatcher> {
  const { config, app, system, clock, ids, owner, logger } = parts;
  const root = config.DISPATCHER_FILE_ROOT;
  const vault = await openConfiguredVault(config);
  const http = createGuardedClient({ allowedPrivateHosts: config.FLUXO_ALLOWED_PRIVATE_HOSTS });
  const credentials = new TriggerCredentials({ db: app, vault, tokens: new AccessTokens({ db: app, vault, http, clock, owner }) });
  const watches = root === undefined ? undefined : new FolderWatches({ root, system, logger });
  const source = new FileSource({ app, ids, contentBytesMax: config.DISPATCHER_FILE_BYTES_MAX, root, openBucket: bucketOpener({ credentials, http, clock }), ...(watches === undefined ? {} : { onLook: watches.onLook }) });
  const sweep = createCopySweep({ system, clock, logger });
  const dispatcher = composePolling("file", source, parts);
  return {
    start: () => {
      dispatcher.start();
      sweep.start();
    },
    stop: async () => {
      await Promise.all([dispatcher.stop(), sweep.stop()]);
      await watches?.close();
    },
  };
}
