// What a test says about steps.

/** A step that a pipeline asks to run, as a reply function and a matcher see it. */
export interface ScriptedStep {
  /** The command as text; the words of an array are quoted. */
  readonly command: string;
  readonly name: string;
  readonly worker?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeoutMs?: number;
  /** From 1; grows with each retry. */
  readonly attempt: number;
}

/** How a step ends. What is left out is as it is for a command that succeeds without a word. */
export interface Reply {
  /** 0 by default. */
  readonly exitCode?: number;
  /** What the command writes to standard output; the pipeline sees it if it captures it. */
  readonly stdout?: string;
  /** The step takes too long, is lost with its machine, or the whole job is cancelled while it runs. */
  readonly ends?: "timeout" | "lost" | "cancelled";
  readonly durationMs?: number;
}
