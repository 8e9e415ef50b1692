// A command as it was given, as it travels and as people read it.
import type { StepCommand } from "@danube/protocol";
import { quoteValue } from "./shell-quote.ts";

const longestDefaultName = 120;

/** Throws a TypeError for what cannot be a command. */
export function checkCommand(command: unknown): StepCommand {
  if (typeof command === "string") {
    if (command.trim() === "") throw new TypeError("The command is empty.");
    if (command.includes("\0")) throw new TypeError("The command must not hold a NUL character.");
    return { shell: command };
  }
  if (!Array.isArray(command))
    throw new TypeError(`A command is a string or an array of strings, not ${typeof command}.`);
  if (command.length === 0 || command[0] === "") throw new TypeError("The command is empty.");
  for (const word of command) {
    if (typeof word !== "string") throw new TypeError(`A command's words are strings, not ${JSON.stringify(word)}.`);
    if (word.includes("\0")) throw new TypeError("The command must not hold a NUL character.");
  }
  return { argv: [...(command as string[])] };
}

/** The command as one would type it in a shell. */
export function commandText(command: StepCommand): string {
  return "shell" in command ? command.shell : command.argv.map(quoteValue).join(" ");
}

/** The name of a step that was given none: its command's first line, shortened. */
export function defaultName(command: StepCommand): string {
  const line = commandText(command).trim().split("\n", 1)[0] as string;
  return line.length <= longestDefaultName ? line : `${line.slice(0, longestDefaultName - 1).toWellFormed()}…`;
}
