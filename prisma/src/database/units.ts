import { AsyncLocalStorage } from "node:async_hooks";
import type pg from "pg";

/** The transaction of a unit of work, for the statements that frame it. */
export type UnitClient = Pick<pg.ClientBase, "query">;

interface Unit {
  readonly client: pg.PoolClient;
  /** Told after the commit, in this order; of a unit that is undone, never. */
  readonly onCommit: (() => void | Promise<void>)[];
  isOpen: boolean;
  savepoints: number;
}

/** A place in the nest of savepoints of a unit. What is on the same level takes turns: on one connection, savepoints cannot be side by side. */
interface Level {
  readonly unit: Unit;
  /** Resolves when nobody on this level has a turn. */
  turn: Promise<unknown>;
  /** The next connection that is asked for is for this level, which has its turn already. */
  readonly isExpected: boolean;
}

/**
 * Units of work: everything that is asked of `pool` within `run` joins one transaction, whoever asks and however deep in the calls. Transactions become
 * savepoints of it. Outside of `run`, `pool` is the pool that it was made from.
 */
export class Units {
  /** To be given to everything that is to join. */
  readonly pool: pg.Pool;
  readonly #own: pg.Pool;
  readonly #report: (error: unknown) => void;
  readonly #levels = new AsyncLocalStorage<Level | undefined>();

  /** @param report told of what fails after a commit, where nobody can be refused any more */
  constructor(own: pg.Pool, report: (error: unknown) => void) {
    this.#own = own;
    this.#report = report;
    this.pool = this.#joiningPool();
  }

  /** Runs `work` as one transaction: committed when it resolves, undone when it rejects. Not to be nested. @throws what `work` or the commit threw */
  async run<R>(work: (client: UnitClient) => Promise<R>): Promise<R> {
    const client = await this.#own.connect();
    const unit: Unit = { client, onCommit: [], isOpen: true, savepoints: 0 };
    let broken: Error | undefined;
    let result: R;
    try {
      await client.query("BEGIN");
      result = await this.#levels.run(levelOf(unit), () => work(client));
      unit.isOpen = false;
      const { command } = await client.query("COMMIT");
      if (command !== "COMMIT") throw new Error("The transaction had failed before its commit.");
    } catch (error) {
      unit.isOpen = false;
      // A connection that cannot even roll back is not given to anybody else.
      await client.query("ROLLBACK").catch((reason: unknown) => (broken = reason instanceof Error ? reason : new Error(String(reason))));
      throw error;
    } finally {
      client.release(broken);
    }
    for (const tell of unit.onCommit) await Promise.resolve().then(tell).catch(this.#report);
    return result;
  }

  /** Does what must not happen before the change is committed: at once outside of a unit, else after its commit. @returns when it is done or put off */
  async afterCommit(tell: () => void | Promise<void>): Promise<void> {
    const level = this.#open();
    if (level === undefined) await tell();
    else level.unit.onCommit.push(tell);
  }

  /** Does what is to last even if the unit is undone: outside of it, on a connection of its own. It must not wait for rows that the unit holds. */
  aside<R>(work: () => Promise<R>): Promise<R> {
    return this.#levels.run(undefined, work);
  }

  /**
   * Runs a transaction of a client of `pool`, so that what its `work` asks of `pool` is a part of it.
   * @param begin opens the transaction by one `connect` of `pool`, and runs its work through the function given
   */
  async nested<R>(begin: (inside: <T>(work: () => Promise<T>) => Promise<T>) => Promise<R>): Promise<R> {
    const level = this.#open();
    if (level === undefined) return begin((work) => work());
    return this.#inTurn(level, () => {
      const inner = levelOf(level.unit);
      return this.#levels.run({ ...inner, isExpected: true }, () => begin((work) => this.#levels.run(inner, work)));
    });
  }

  #open(): Level | undefined {
    const level = this.#levels.getStore();
    return level?.unit.isOpen === true ? level : undefined;
  }

  async #inTurn<R>(level: Level, work: () => Promise<R>): Promise<R> {
    const before = level.turn;
    const mine = before.then(work, work);
    level.turn = mine.catch(() => undefined);
    return mine;
  }

  #joiningPool(): pg.Pool {
    const connect = async (): Promise<pg.PoolClient> => {
      const level = this.#open();
      if (level === undefined) return this.#own.connect();
      if (level.isExpected) return joiningClient(level.unit, () => undefined);
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => (release = resolve));
      await new Promise<void>((begun) => void this.#inTurn(level, () => (begun(), released)));
      return joiningClient(level.unit, release);
    };
    const query = (...args: unknown[]): unknown => {
      const level = this.#open();
      if (level === undefined) return queryOf(this.#own)(...args);
      return this.#inTurn(level, () => inSavepoint(level.unit, () => queryOf(level.unit.client)(...args)));
    };
    return standIn(this.#own, { connect, query });
  }
}

function levelOf(unit: Unit): Level {
  return { unit, turn: Promise.resolve(), isExpected: false };
}

/** A connection of the unit for somebody who believes that it is their own: what begins and ends their transaction, sets and releases a savepoint. */
function joiningClient(unit: Unit, release: () => void): pg.PoolClient {
  const savepoint = nextSavepoint(unit);
  const query = (...args: unknown[]): unknown => {
    const [statement] = args;
    const text = typeof statement === "string" ? statement : isQuery(statement) ? statement.text : "";
    switch (text.trim().toUpperCase()) {
      case "BEGIN":
        return unit.client.query(`SAVEPOINT ${savepoint}`);
      case "COMMIT":
        return unit.client.query(`RELEASE SAVEPOINT ${savepoint}`);
      case "ROLLBACK":
        return unit.client.query(`ROLLBACK TO SAVEPOINT ${savepoint}`);
      default:
        return queryOf(unit.client)(...args);
    }
  };
  return standIn(unit.client, { query, release });
}

/** The query method without its overloads, for passing on whatever was asked. */
function queryOf(target: pg.Pool | pg.PoolClient): (...args: unknown[]) => Promise<unknown> {
  const query: unknown = Reflect.get(target, "query");
  if (typeof query !== "function") throw new Error("There is no query method.");
  return (...args) => query.call(target, ...args) as Promise<unknown>;
}

async function inSavepoint<R>(unit: Unit, work: () => Promise<R>): Promise<R> {
  const savepoint = nextSavepoint(unit);
  await unit.client.query(`SAVEPOINT ${savepoint}`);
  try {
    const result = await work();
    await unit.client.query(`RELEASE SAVEPOINT ${savepoint}`);
    return result;
  } catch (error) {
    await unit.client.query(`ROLLBACK TO SAVEPOINT ${savepoint}`);
    throw error;
  }
}

function nextSavepoint(unit: Unit): string {
  unit.savepoints += 1;
  return `unit_${unit.savepoints}`;
}

function isQuery(value: unknown): value is { readonly text: string } {
  return typeof value === "object" && value !== null && "text" in value && typeof value.text === "string";
}

/** `own` with other methods in some places; it stays an instance of its class. */
function standIn<T extends object>(own: T, others: Readonly<Record<string, unknown>>): T {
  return new Proxy(own, {
    get: (target, name) => {
      if (typeof name === "string" && Object.hasOwn(others, name)) return others[name];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
