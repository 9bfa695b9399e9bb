/** What a benchmark is asked to do. `S` is a part of it. */
export interface BenchRun<S> {
  readonly scenarios: readonly S[];
  /** How often each side is measured, in turns. */
  readonly rounds: number;
  /** Where the rows go as JSON. */
  readonly jsonFile: string | undefined;
  /** Where the services leave CPU profiles. */
  readonly profileDir: string | undefined;
  readonly print: (text: string) => void;
  /** Told how everything is stopped, as soon as there is something to stop. */
  readonly onStarted: (stop: () => Promise<void>) => void;
}
