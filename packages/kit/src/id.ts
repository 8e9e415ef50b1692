import { randomFillSync } from "node:crypto";
import { type Clock, systemClock } from "./clock.ts";

export interface IdGeneratorOptions {
  readonly clock: Pick<Clock, "now">;
  /** Fills `target` with random bytes. */
  readonly randomFill: (target: Uint8Array) => void;
}

/**
 * Makes UUIDv7s in lower case, each greater than the one before as text, whatever the wall clock does. Within one
 * millisecond a 42-bit counter grows by a random step. Source: RFC 9562, sections 5.7 and 6.2 (method 2).
 */
export function createIdGenerator({ clock, randomFill }: IdGeneratorOptions): () => string {
  const random = new Uint8Array(4_096);
  let randomUsed = random.length;
  const randomUint32 = (): number => {
    if (randomUsed + 4 > random.length) {
      randomFill(random);
      randomUsed = 0;
    }
    const at = randomUsed;
    randomUsed += 4;
    return (
      ((random[at] as number) * 0x1000000 +
        (((random[at + 1] as number) << 16) | ((random[at + 2] as number) << 8) | (random[at + 3] as number))) >>>
      0
    );
  };
  let lastMs = -1;
  let counter = 0;

  return () => {
    const nowMs = clock.now().getTime();
    if (nowMs > lastMs) {
      lastMs = nowMs;
      counter = randomUint32() * 2 ** 9; // the top bit of 42 stays free, as room to count up
    } else {
      counter += 1 + (randomUint32() >>> 8);
      if (counter >= 2 ** 42) {
        lastMs += 1; // out of room: borrow from the future rather than ever go back
        counter = randomUint32() * 2 ** 9;
      }
    }
    return format(lastMs, counter, randomUint32());
  };
}

const generate = createIdGenerator({ clock: systemClock, randomFill: (target) => randomFillSync(target) });

/** A new UUIDv7: sorts after every id made before it by this process, and by time among processes. */
export function newId(): string {
  return generate();
}

/** 48 bits of time, version, 42 bits of counter (12 + variant + 30), 32 random bits. */
function format(timeMs: number, counter: number, tail: number): string {
  const time = hex(timeMs, 12);
  const counterHigh = Math.floor(counter / 2 ** 30);
  const counterLow = counter % 2 ** 30;
  const afterVariant = hex(0x80000000 + counterLow, 8);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(counterHigh, 3)}-${afterVariant.slice(0, 4)}-${afterVariant.slice(4)}${hex(tail, 8)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
