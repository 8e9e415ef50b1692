// How a driver calls launcher.sh, where that is by a command line, and what the answer means.
import { DanubeError, parseExitFile } from "@danube/protocol";
import type { LauncherCommand, StepProbe } from "./driver.ts";

export interface LauncherPlace {
  /** Path of a static busybox, which is then all that the launcher needs; undefined for the programs of the system. */
  readonly busybox?: string | undefined;
  readonly launcherPath: string;
  readonly runDirectory: string;
}

/**
 * The command line that asks the launcher. Nothing in it is secret: the script of a `launch` follows on standard input, and
 * its length in bytes is among the arguments, so that the launcher needs no end of input.
 */
export function launcherArguments(place: LauncherPlace, command: LauncherCommand): string[] {
  const shell = place.busybox === undefined ? ["/bin/sh"] : [place.busybox, "sh"];
  const words = [...shell, place.launcherPath, command.verb, place.busybox ?? "-", place.runDirectory, command.stepId];
  if (command.verb === "launch") return [...words, command.capture ? "1" : "0", String(command.script.byteLength)];
  return command.verb === "signal" ? [...words, command.signal] : words;
}

/**
 * What the launcher answered with status 0. Throws `exec_interrupted` for anything that is not a whole answer: the command
 * may or may not have been started, and asking again is safe.
 */
export function parseLauncherAnswer(output: string): StepProbe {
  switch (output) {
    case "absent\n":
      return { state: "absent" };
    case "running\n":
      return { state: "running" };
    case "dead\n":
      return { state: "dead" };
  }
  const exitCode = output.startsWith("exited ") ? parseExitFile(output.replace("exited", "exit")) : undefined;
  if (exitCode !== undefined) return { state: "exited", exitCode };
  throw new DanubeError(
    "exec_interrupted",
    `The launcher did not answer with a state but with ${JSON.stringify(output.slice(0, 500))}.`,
  );
}
