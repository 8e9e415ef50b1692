// Every command of the protocol, as the writer carries it out.
import { commandMethods, type Commands, parseWith } from "@danube/protocol";
import { createAccessCommands } from "./access-commands.ts";
import type { CommandContext, CommandHandlers } from "./command-context.ts";
import { createConfigurationCommands } from "./configuration-commands.ts";
import { createHealthCommand } from "./health-command.ts";
import { createJobCommands } from "./job-commands.ts";
import { createTriggerCommands } from "./trigger-commands.ts";

/** All commands. Each resolves once what it did is durable; a request that is not valid rejects with `invalid_request`. */
export function createCommands(context: CommandContext): Commands {
  const handlers: CommandHandlers = {
    ...createTriggerCommands(context),
    ...createJobCommands(context),
    ...createConfigurationCommands(context),
    ...createAccessCommands(context),
    ...createHealthCommand(context),
  };
  const bind = <N extends keyof CommandHandlers>(name: N) => [
    name,
    async (request: unknown) => {
      const handle = handlers[name] as (parsed: unknown) => Promise<unknown>;
      return await handle(parseWith(commandMethods[name].request, request, "The command"));
    },
  ];
  return Object.fromEntries((Object.keys(handlers) as (keyof CommandHandlers)[]).map(bind)) as Commands;
}
