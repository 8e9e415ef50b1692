// Building and compiling a query costs more than running most of them: a prepared query is compiled once, and bound often.
import type { Compilable, CompiledQuery } from "kysely";

/** What SQLite can store. Booleans are not among it: write 0 and 1. */
export type SqlValue = string | number | bigint | Buffer | null;

/**
 * Makes a function that binds parameters to a query that is compiled once. `build` is called once, with placeholders in the
 * place of the parameters: it may pass them on to Kysely but not look at them. Called in two steps because the parameters'
 * type is told and the row's type is inferred: `prepare<{ id: string }>()((p) => sqlBuilder.selectFrom("jobs")…)`.
 */
export function prepare<P extends { readonly [key: string]: SqlValue }>() {
  return <R>(build: (parameters: P) => Compilable<R>): ((parameters: P) => CompiledQuery<R>) => {
    let compiled: CompiledQuery<R> | undefined;
    return (parameters) => {
      compiled ??= build(placeholders() as P).compile();
      return {
        ...compiled,
        parameters: compiled.parameters.map((value) => (value instanceof Placeholder ? parameters[value.key] : value)),
      };
    };
  };
}

/** The same for a query that has no parameters. */
export function prepareConstant<R>(build: () => Compilable<R>): () => CompiledQuery<R> {
  let compiled: CompiledQuery<R> | undefined;
  return () => (compiled ??= build().compile());
}

class Placeholder {
  readonly key: string;
  constructor(key: string) {
    this.key = key;
  }
}

function placeholders(): object {
  return new Proxy({}, { get: (_target, key) => new Placeholder(String(key)) });
}
