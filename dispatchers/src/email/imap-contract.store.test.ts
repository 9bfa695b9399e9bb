import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "@fluxo/test/support/tls-fixture";
import { startDovecot, type Dovecot } from "@fluxo/test/support/dovecot";
import { afterAll, beforeAll } from "vitest";
import { describeSourceContract } from "../testing/source.contract.ts";
import { createMailbox } from "./testing/mailbox.ts";

let dovecot: Dovecot;

beforeAll(async () => {
  dovecot = await startDovecot({ certificate: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY });
}, 300_000);

afterAll(() => dovecot.remove());

describeSourceContract("a mailbox over IMAP", (place) => createMailbox(dovecot, place));
