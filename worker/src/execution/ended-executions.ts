/**
 * Ids of executions that this process brought to their end, the latest ones. A terminal status never changes (I5), so nothing has to be asked about them:
 * the event of an execution that the fast lane ran costs no statement.
 */
export class EndedExecutions {
  readonly #ids = new Set<string>();
  readonly #max: number;

  constructor(max = 20_000) {
    this.#max = max;
  }

  add(executionId: string): void {
    this.#ids.add(executionId);
    const [oldest] = this.#ids.size > this.#max ? this.#ids : [];
    if (oldest !== undefined) this.#ids.delete(oldest);
  }

  has(executionId: string): boolean {
    return this.#ids.has(executionId);
  }
}
