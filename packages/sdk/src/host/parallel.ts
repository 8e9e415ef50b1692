import { ParallelError } from "../errors.ts";

/**
 * Runs the functions in order, at most `limit` at a time, and waits for all that it started. Throws the one error there was,
 * or a ParallelError with all. After `signal` has aborted no further function is started, and its reason is thrown.
 */
export async function runParallel(
  functions: readonly (() => unknown)[],
  options: { readonly limit: number; readonly failFast: boolean },
  signal: AbortSignal,
): Promise<unknown[]> {
  const values: unknown[] = Array.from({ length: functions.length });
  const errors: unknown[] = [];
  let next = 0;
  const mayStart = (): boolean =>
    next < functions.length && !signal.aborted && !(options.failFast && errors.length > 0);
  const lane = async (): Promise<void> => {
    while (mayStart()) {
      const index = next++;
      try {
        values[index] = await functions[index]?.();
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(options.limit, functions.length) }, lane));
  if (signal.aborted && (errors.length > 0 || next < functions.length)) throw signal.reason;
  if (errors.length === 0) return values;
  if (errors.length === 1) throw errors[0];
  const sentences = errors.map((error) => (error instanceof Error ? error.message : String(error)));
  throw new ParallelError(`${errors.length} of ${functions.length} failed: ${sentences.join("; ")}`, errors);
}
