import type { NodeFailure } from "@fluxo/core/errors/failure";
import type { Plan } from "@fluxo/core/planning/plan";
import { LOOP_FAILURES_MAX } from "./limits.ts";

interface Listed {
  readonly failure: NodeFailure;
  readonly item: number;
}

/** The failures of an execution, handled or not: all of those outside of loops, and of those in loops the first ones by item. */
export class FailureList {
  readonly #plan: Plan;
  readonly #outside: Listed[] = [];
  #inside: Listed[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  add(failure: NodeFailure, item: number): void {
    if (!this.#plan.loopOf.has(failure.nodeId)) {
      this.#outside.push({ failure, item });
      return;
    }
    this.#inside.push({ failure, item });
    if (this.#inside.length > 2 * LOOP_FAILURES_MAX) this.#trim();
  }

  /** In plan order, then by item. */
  get values(): readonly NodeFailure[] {
    this.#trim();
    return [...this.#outside, ...this.#inside]
      .toSorted((left, right) => this.#position(left) - this.#position(right) || left.item - right.item)
      .map(({ failure }) => failure);
  }

  #trim(): void {
    this.#inside = this.#inside.toSorted((left, right) => left.item - right.item || this.#position(left) - this.#position(right)).slice(0, LOOP_FAILURES_MAX);
  }

  #position({ failure }: Listed): number {
    return this.#plan.positions.get(failure.nodeId) ?? 0;
  }
}
