import { receiver } from "./receive.ts";
import { readSettings } from "./settings.ts";

// Baseline of the ingress: Express 5 that checks the HMAC, parses the JSON and answers.
const { port, secret } = readSettings();
receiver(secret, () => undefined).listen(port, "127.0.0.1");
