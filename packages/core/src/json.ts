/** Any value that JSON can carry; the only kind of value that enters a journal, an event or a template context. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A JSON object: what a trigger payload, node parameters and an output snapshot are. */
export type JsonObject = {
  [key: string]: Json;
};
