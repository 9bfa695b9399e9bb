/** Most ids of one question. */
const BATCH_MAX = 500;

/**
 * Asks for single things by the question for many: what is asked while the process works off what has arrived goes into one question. A question that
 * fails fails for all that are in it.
 */
export function inBatches<V>(ask: (ids: readonly string[]) => Promise<ReadonlyMap<string, V>>): (id: string) => Promise<V | undefined> {
  let next: { readonly ids: Set<string>; readonly answer: Promise<ReadonlyMap<string, V>> } | undefined;
  return async (id) => {
    if (next === undefined || next.ids.size >= BATCH_MAX) {
      const ids = new Set<string>();
      const answer = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        if (next?.ids === ids) next = undefined;
        return ask([...ids]);
      });
      next = { ids, answer };
    }
    next.ids.add(id);
    return (await next.answer).get(id);
  };
}
