import { text } from "node:stream/consumers";
import { CliError } from "../cli-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { formatTable } from "../output.ts";
import type { CommandContext } from "./command-context.ts";

export async function listSecrets(context: CommandContext): Promise<ExitCode> {
  const { items } = await context.api.listSecrets();
  if (context.json) context.output.json(items);
  else if (items.length === 0) context.output.note("There are no secrets.");
  else
    context.output.data(
      formatTable([
        ["NAME", "PIPELINE", "UPDATED"],
        ...items.map((item) => [item.name, item.pipelineName ?? "(all)", item.updatedAt]),
      ]),
    );
  return exitCodes.ok;
}

/** The value comes from standard input alone: arguments end up in shell histories and process lists. */
export async function setSecret(
  context: CommandContext,
  name: string,
  pipelineName: string | undefined,
  stdin: NodeJS.ReadStream,
): Promise<ExitCode> {
  if (stdin.isTTY)
    throw new CliError(`Give the value on standard input, such as: danube secret set ${name} < file`, exitCodes.usage);
  const value = (await text(stdin)).replace(/\r?\n$/, "");
  if (value === "") throw new CliError("The value on standard input is empty.", exitCodes.usage);
  await context.api.setSecret({ name, value, ...(pipelineName === undefined ? {} : { pipelineName }) });
  context.output.note(
    `Secret ${name} is set for ${pipelineName === undefined ? "all pipelines" : `pipeline ${pipelineName}`}.`,
  );
  return exitCodes.ok;
}

export async function deleteSecret(
  context: CommandContext,
  name: string,
  pipelineName: string | undefined,
): Promise<ExitCode> {
  await context.api.deleteSecret(name, pipelineName);
  context.output.note(`Secret ${name} is deleted.`);
  return exitCodes.ok;
}
