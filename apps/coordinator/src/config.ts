import { DanubeError } from "@danube/protocol";

export interface CoordinatorConfig {
  /** Path of sandbox.json. */
  readonly sandboxPath: string;
}

/** Throws `invalid_request` with a sentence on how to call it. */
export function parseArguments(words: readonly string[]): CoordinatorConfig {
  const [sandboxPath] = words;
  if (words.length === 1 && sandboxPath !== undefined && sandboxPath !== "") return { sandboxPath };
  throw new DanubeError(
    "invalid_request",
    `The Coordinator takes the path of sandbox.json, not ${words.length} words.`,
  );
}
