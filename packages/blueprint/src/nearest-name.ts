import { findNearest } from "@danube/kit";

/** Which of `names`, all of them in lower case, somebody who wrote `written` may have meant; undefined if none is close. */
export function findNearestName(written: string, names: readonly string[]): string | undefined {
  const limit = written.length < 3 ? 1 : Math.max(2, written.length / 3);
  return findNearest(written.toLowerCase().slice(0, 100), names, limit);
}
