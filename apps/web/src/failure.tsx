import { isDanubeError } from "@danube/protocol";

/** Why a page can't show what it should, for whoever sits before it. */
export function Failure({ error }: { error: unknown }) {
  if (isDanubeError(error, "unauthenticated")) {
    return (
      <p class="notice" role="alert">
        You are not logged in. Open the link that <code>danube up</code> printed; it works once. A restart prints a new
        one.
      </p>
    );
  }
  return (
    <p class="notice" role="alert">
      {error instanceof Error ? error.message : String(error)}
    </p>
  );
}
