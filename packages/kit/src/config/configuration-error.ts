/** One thing that is wrong with a configuration. */
export interface ConfigurationProblem {
  /** As the user wrote it: `server.bind_address`, or the name of a file when all of it is meant. */
  readonly key: string;
  /** What was found there; absent for secrets. */
  readonly value?: string;
  /** Where: a file's name or `environment variable DANUBE_…`. */
  readonly source: string;
  /** What to do about it. */
  readonly fix: string;
}

/** A configuration that cannot be used. `problems` holds everything that is wrong with it. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[]) {
    const lines = problems.map(
      ({ key, value, source, fix }) => `  ${key}${value === undefined ? "" : ` = ${value}`} (${source}): ${fix}`,
    );
    super(
      `The configuration has ${problems.length === 1 ? "an error" : `${problems.length} errors`}:\n${lines.join("\n")}`,
    );
    this.problems = problems;
  }
}
