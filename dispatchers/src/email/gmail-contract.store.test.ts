import { describeSourceContract } from "../testing/source.contract.ts";
import { createGmailAccount } from "./testing/gmail-account.ts";

describeSourceContract("a Gmail account", (place) => createGmailAccount(place));
