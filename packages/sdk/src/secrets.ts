/** The secrets that a pipeline may read: its own and the global ones. */
export interface Secrets {
  /**
   * The value of a secret. From then on it is masked in the job's log, in the usual encodings too. Hand it to a command by
   * `env`, never as a part of the command.
   *
   * Rejects with a sentence when there is no such secret or this job may not read it.
   *
   * @example
   * ```ts
   * await step.run("npm publish", { env: { NODE_AUTH_TOKEN: await secrets.get("NPM_TOKEN") } });
   * ```
   */
  get(name: string): Promise<string>;
}
