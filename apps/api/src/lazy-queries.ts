import { createQueries, openReader, type Reader } from "@danube/db/read";
import { type Queries, queryMethods } from "@danube/protocol";

export interface LazyQueries {
  readonly queries: Queries;
  close(): void;
}

/**
 * The queries on the writer's volume, opened by the first one that succeeds: the API may start before the writer has made
 * the database, and until then every query rejects with `unavailable`.
 */
export function createLazyQueries(options: Parameters<typeof openReader>[0]): LazyQueries {
  let reader: Reader | undefined;
  let opened: Queries | undefined;
  const open = (): Queries => {
    reader ??= openReader(options);
    opened ??= createQueries(reader);
    return opened;
  };
  const functions = Object.keys(queryMethods).map((name) => [
    name,
    async (request: never) => open()[name as keyof Queries](request),
  ]);
  return {
    queries: Object.fromEntries(functions) as Queries,
    close: () => reader?.close(),
  };
}
