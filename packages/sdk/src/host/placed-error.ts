/**
 * What the executor could not do, with the place in the user's files that asked for it: the stack of the executor's own error,
 * which is the cause, does not lead there.
 */
export class PlacedError extends Error {
  constructor(what: string, location: string | undefined, cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause);
    super(`${what}: ${message}${location === undefined ? "" : ` (${location})`}`, { cause });
  }
}
