/** Runs things one after the other, each no earlier than its delay says: a shorter delay never overtakes a longer one. */
export function createInOrder(): (run: () => void, delayMs: number) => void {
  const queue: { readonly at: number; readonly run: () => void }[] = [];
  const arm = (at: number): void => {
    setTimeout(
      () => {
        queue.shift()?.run();
        const next = queue[0];
        if (next) arm(next.at);
      },
      Math.max(0, at - performance.now()),
    );
  };
  return (run, delayMs) => {
    if (queue.length === 0 && delayMs === 0) return run();
    const at = Math.max(performance.now() + delayMs, queue.at(-1)?.at ?? 0);
    queue.push({ at, run });
    if (queue.length === 1) arm(at);
    return undefined;
  };
}
