const SAMPLE_MS = 500;
const TIMEOUT_MS = 10_000;
const MIB = 1_048_576;

export interface IngressUse {
  /** Resident memory at the start and at its most, in MiB. */
  readonly startMib: number;
  readonly peakMib: number;
  readonly samples: number;
  /** Whether the same process answered from the first sample to the last. */
  readonly isSameProcess: boolean;
}

/** Samples the ingress's own metrics until it is stopped. */
export class IngressWatch {
  readonly #metricsUrl: string;
  readonly #rss: number[] = [];
  readonly #starts = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #sample: Promise<void> | undefined;

  private constructor(ingressUrl: string) {
    this.#metricsUrl = `${ingressUrl}/metrics`;
  }

  static async start(ingressUrl: string): Promise<IngressWatch> {
    const watch = new IngressWatch(ingressUrl);
    await watch.#take();
    watch.#timer = setInterval(() => (watch.#sample ??= watch.#take().finally(() => (watch.#sample = undefined))), SAMPLE_MS);
    return watch;
  }

  async stop(): Promise<IngressUse> {
    clearInterval(this.#timer);
    await this.#sample;
    await this.#take();
    const [first = 0] = this.#rss;
    return { startMib: first / MIB, peakMib: Math.max(...this.#rss, 0) / MIB, samples: this.#rss.length, isSameProcess: this.#starts.size === 1 };
  }

  /** A sample that does not come is not taken: thresholds tell whether the ingress answers. */
  async #take(): Promise<void> {
    try {
      const response = await fetch(this.#metricsUrl, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const text = await response.text();
      this.#rss.push(valueOf(text, "fluxo_process_resident_memory_bytes"));
      this.#starts.add(valueOf(text, "fluxo_process_start_time_seconds"));
    } catch {
      return;
    }
  }
}

/** The value of a metric without labels. */
export function valueOf(metrics: string, name: string): number {
  const line = metrics.split("\n").find((text) => text.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? Number.NaN);
}
