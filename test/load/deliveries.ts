/** What a caller was told about one request. */
export interface Delivery {
  readonly deliveryId: string;
  /** 0: no answer came. */
  readonly status: number;
  /** Of an accepted one. */
  readonly executionId: string;
  /** Of a refused one. */
  readonly code: string;
}

/** An execution as it is recorded. */
export interface RecordedExecution {
  readonly deliveryId: string;
  readonly executionId: string;
  readonly status: string;
}

export interface Comparison {
  readonly sent: number;
  /** Deliveries that at least one request was answered with 2xx for. */
  readonly accepted: number;
  /** Deliveries whose caller can only know that it should send again. */
  readonly refused: number;
  readonly unanswered: number;
  /** Accepted deliveries without the execution that the answer named. */
  readonly lost: readonly string[];
  /** Executions beyond the first of a delivery, and answers that name another one than an earlier answer. */
  readonly doubled: readonly string[];
  /** Executions that ended with anything but SUCCESS, or did not end. */
  readonly notSucceeded: readonly string[];
  /** Executions of deliveries that were only refused for good (4xx but 429). */
  readonly wronglyRecorded: readonly string[];
}

const LINE_FORM = /^@ (\S+) (\d+) (\S+)$/;

/** Reads the lines that the scenarios log: `@ deliveryId status`, and the execution's id, the code of a refusal or `-`. */
export function readDeliveries(log: string): Delivery[] {
  const deliveries: Delivery[] = [];
  for (const line of log.split("\n")) {
    const [, deliveryId = "", status = "0", told = ""] = LINE_FORM.exec(line) ?? [];
    const isTold = isAccepted(Number(status));
    if (deliveryId !== "") deliveries.push({ deliveryId, status: Number(status), executionId: isTold ? told : "", code: isTold || told === "-" ? "" : told });
  }
  return deliveries;
}

function isAccepted(status: number): boolean {
  return status === 200 || status === 202;
}

/** How many requests got each answer that was not an acceptance: `503 UNAVAILABLE`, `no answer`. */
export function countRefusals(deliveries: readonly Delivery[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, code } of deliveries) {
    if (isAccepted(status)) continue;
    const answer = status === 0 ? "no answer" : `${status} ${code}`.trim();
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
}

/** Holds what callers were told against what is recorded (I1, I2). */
export function compare(deliveries: readonly Delivery[], records: readonly RecordedExecution[]): Comparison {
  const recorded = new Map<string, RecordedExecution[]>();
  for (const record of records) recorded.set(record.deliveryId, [...(recorded.get(record.deliveryId) ?? []), record]);
  const answers = new Map<string, Delivery[]>();
  for (const delivery of deliveries) answers.set(delivery.deliveryId, [...(answers.get(delivery.deliveryId) ?? []), delivery]);
  const lost: string[] = [];
  const doubled = [...recorded.entries()].filter(([, executions]) => executions.length > 1).map(([id]) => id);
  const wronglyRecorded: string[] = [];
  const counts = { accepted: 0, refused: 0, unanswered: 0 };
  for (const [id, told] of answers) {
    const named = new Set(told.map(({ executionId }) => executionId).filter((executionId) => executionId !== ""));
    const executions = recorded.get(id) ?? [];
    if (named.size > 0) {
      counts.accepted += 1;
      if (named.size > 1) doubled.push(id);
      if (!executions.some(({ executionId }) => named.has(executionId))) lost.push(id);
    } else if (told.some(({ status }) => status === 0)) counts.unanswered += 1;
    else {
      counts.refused += 1;
      const isFinal = told.every(({ status }) => status >= 400 && status < 500 && status !== 429);
      if (isFinal && executions.length > 0) wronglyRecorded.push(id);
    }
  }
  const notSucceeded = records.filter(({ status }) => status !== "SUCCESS").map(({ deliveryId, status }) => `${deliveryId} ${status}`);
  return { sent: deliveries.length, ...counts, lost, doubled, notSucceeded, wronglyRecorded };
}
