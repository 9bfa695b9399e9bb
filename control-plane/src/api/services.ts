import type { AccessChange } from "@fluxo/contracts/channels/access";
import type { CancelMessage } from "@fluxo/contracts/channels/cancel";
import type { BreakerKey } from "@fluxo/contracts/channels/outages";
import type { Clock, IdSource } from "@fluxo/core/ports/clock";
import type { HttpPort } from "@fluxo/core/ports/http";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import type { Units } from "@fluxo/prisma/database/units";
import type { Logger } from "@fluxo/runtime/logger";
import type { SecretBox } from "@fluxo/runtime/secrets/box";
import type { Vault } from "@fluxo/runtime/secrets/vault";
import type pg from "pg";
import type { TestPorts } from "../credentials/run-test.ts";
import type { HandOver } from "../fast-lane/fast-lane.ts";
import type { EventTokens } from "../live/event-token.ts";
import type { Feeds } from "../live/feeds.ts";
import type { LiveStreams } from "../live/live-streams.ts";
import type { NodeTester } from "../live/node-tester.ts";
import type { JwksCache } from "../provisioning/jwks-cache.ts";
import type { ExchangeLimits } from "./access/exchange-limits.ts";
import type { SignIns } from "./sign-in/sign-in.ts";

/** What the handlers of the admin API are given. */
export interface ApiServices {
  /** Joins the unit of work that it is called in, as `pool` does. */
  readonly tenantDb: TenantDb;
  /** Connections of fluxo_app, for the SQL functions. */
  readonly pool: pg.Pool;
  /** Makes a request that changes something one transaction. */
  readonly units: Units;
  readonly box: SecretBox;
  /** Seals credentials, under a data key per tenant. */
  readonly vault: Vault;
  /** What the test of a credential may reach. */
  readonly testerPorts: TestPorts;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly randomBytes: (size: number) => Buffer;
  /** Tells running workers of a cancel. Best effort: the flag in the row is the truth. */
  readonly publishCancel: (message: CancelMessage) => Promise<void>;
  /** Closes a circuit breaker of the workers. @throws what Redis threw */
  readonly closeBreaker: (key: BreakerKey) => Promise<void>;
  readonly signIns: SignIns;
  /** What provisioning tokens may cost. */
  readonly exchangeLimits: ExchangeLimits;
  /** Tells every process of the admin API whose access changed, once the change is committed. Best effort, never throws. */
  readonly announceAccess: (change: AccessChange) => Promise<void>;
  /** Tells the workers of a new execution, ahead of its event. */
  readonly handOver: HandOver;
  /** The open event streams of this process. */
  readonly live: LiveStreams;
  /** The open streams of what is read from PostgreSQL. */
  readonly feeds: Feeds;
  readonly eventTokens: EventTokens;
  /** Has single nodes run by a worker. */
  readonly nodeTester: NodeTester;
  /** The key sets with which agencies sign provisioning tokens. */
  readonly jwks: JwksCache;
  /** Calls the public address of the ingress, to see whether it answers. */
  readonly ingressHttp: HttpPort;
  /** Where callers reach the webhook ingress, without a trailing slash. */
  readonly publicIngressUrl: string;
  readonly logger: Logger;
}
