// Triggers that wait for a decision. Those with the same key are decided one after the other, in their order; of different
// keys, the one whose turn came first. Taking the next one costs the same however many wait behind it.
import type { Trigger } from "@danube/protocol";

export interface TakenTrigger {
  readonly trigger: Trigger;
  /** Lets the next trigger of the same key go. Call it once, when this one is decided. */
  release(): void;
}

export interface WaitingTriggers {
  readonly size: number;
  /** Adds a trigger at the end, or replaces it where it stands. Without a key it waits for no other one. */
  add(trigger: Trigger, key: string | undefined): void;
  delete(triggerId: string): void;
  clear(): void;
  /** The next trigger that may be decided now; undefined when all that wait have to. */
  take(): TakenTrigger | undefined;
}

export function createWaitingTriggers(): WaitingTriggers {
  const keys = new Map<string, string>();
  const lanes = new Map<string, Map<string, Trigger>>();
  /** Keys with a trigger that may be taken. */
  const ready = new Set<string>();
  const busy = new Set<string>();

  function forget(triggerId: string, key: string): void {
    keys.delete(triggerId);
    const lane = lanes.get(key);
    lane?.delete(triggerId);
    if (lane?.size !== 0) return;
    lanes.delete(key);
    ready.delete(key);
  }

  return {
    get size() {
      return keys.size;
    },
    add(trigger, key = trigger.id) {
      keys.set(trigger.id, key);
      const lane = lanes.get(key) ?? new Map<string, Trigger>();
      lanes.set(key, lane.set(trigger.id, trigger));
      if (!busy.has(key)) ready.add(key);
    },
    delete(triggerId) {
      const key = keys.get(triggerId);
      if (key !== undefined) forget(triggerId, key);
    },
    clear() {
      keys.clear();
      lanes.clear();
      ready.clear();
    },
    take() {
      const [key] = ready;
      const [trigger] = (key === undefined ? undefined : lanes.get(key))?.values() ?? [];
      if (key === undefined || trigger === undefined) return undefined;
      ready.delete(key);
      busy.add(key);
      forget(trigger.id, key);
      return {
        trigger,
        release() {
          busy.delete(key);
          if (lanes.has(key)) ready.add(key);
        },
      };
    },
  };
}
