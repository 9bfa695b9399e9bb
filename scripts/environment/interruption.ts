/** Presses nearer to each other than this are one: a terminal, npm and our own door each pass a Ctrl-C on. */
const SAME_PRESS_MS = 1000;

export interface InterruptionHandlers {
  /** The first signal, or the end of the process that started us. */
  readonly onStop: (reason: string) => void;
  /** A second Ctrl-C, at least a second later. */
  readonly onForce: () => void;
}

/** Watches for signals and for the end of whoever started us (the door holds a channel to us as long as it lives). */
export function watchInterruptions({ onStop, onForce }: InterruptionHandlers): void {
  let stoppedAt: number | undefined;
  const interrupt = (reason: string): void => {
    if (stoppedAt === undefined) {
      stoppedAt = Date.now();
      onStop(reason);
    } else if (Date.now() - stoppedAt > SAME_PRESS_MS && reason !== "disconnect") {
      onForce();
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt(signal));
  process.on("disconnect", () => interrupt("disconnect"));
  process.channel?.unref();
  // With the terminal gone, printing fails; that must not keep us from stopping.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
}
