/** Lets one loop sleep until somebody wakes it. A call between two sleeps is not lost: the next sleep ends at once. */
export interface Wake {
  wake(): void;
  /** Only one at a time. */
  sleep(): Promise<void>;
}

export function createWake(): Wake {
  let pending = false;
  let resume: (() => void) | undefined;
  return {
    wake() {
      pending = true;
      resume?.();
      resume = undefined;
    },
    async sleep() {
      if (!pending) {
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
      }
      pending = false;
    },
  };
}
