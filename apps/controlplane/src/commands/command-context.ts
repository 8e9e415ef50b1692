import type { SecretCipher } from "../secrets/secret-cipher.ts";
import type { JobEnvironment } from "../jobs/job-environment.ts";
import type { Orchestrator } from "../jobs/orchestrator.ts";
import type { CommandMethods } from "@danube/protocol";
import type { z } from "zod";

/** What commands work with. */
export interface CommandContext {
  readonly environment: JobEnvironment;
  readonly orchestrator: Orchestrator;
  readonly cipher: SecretCipher;
}

/** A command as it is implemented: its request is parsed, with every default in place. */
export type CommandHandlers = {
  readonly [N in keyof CommandMethods]: (
    request: z.output<CommandMethods[N]["request"]>,
  ) => Promise<z.output<CommandMethods[N]["response"]>>;
};
