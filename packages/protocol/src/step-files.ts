// The files of a step, `<run directory>/<step id>/…`, by which the launcher and the Coordinator meet.
//
//   output   what goes to the log: stdout and stderr in the order written; only stderr when stdout is captured. Append only.
//   stdout   only for a step with `capture`: its standard output. Append only.
//   exit     `exit <code>\n`, once the command has ended. There is no end of a step without it. Everything that the command
//            itself wrote is in the other files before this one can be read; a process that it left behind may still add.
//   oom      empty; there before `exit` when the kernel killed something of the step's container for want of memory while the
//            command ran, and the command failed.
//   pid      the launcher's own mark (see launcher.sh in package runtime): nobody else reads or writes it.
//
// The directory itself means nothing: whoever wants to watch it may create it before the step is launched.

/** The names of a step's files within its directory. */
export const stepFileNames = { output: "output", stdout: "stdout", exit: "exit", oom: "oom", pid: "pid" } as const;
export type StepFileName = (typeof stepFileNames)[keyof typeof stepFileNames];

/** The path of a step's directory. */
export function stepDirectory(runDirectory: string, stepId: string): string {
  return `${runDirectory}/${stepId}`;
}

/** The path of one file of a step. */
export function stepFile(runDirectory: string, stepId: string, name: StepFileName): string {
  return `${runDirectory}/${stepId}/${name}`;
}

const exitLine = /^exit (0|[1-9]\d{0,2})\n$/;

/**
 * The exit code (0 to 255; 128 + n for signal n) that the content of an `exit` file records. Anything but exactly that, an
 * empty or half-written file included, is undefined: "no exit recorded (yet)", never success.
 */
export function parseExitFile(content: string): number | undefined {
  const match = exitLine.exec(content);
  if (!match) return undefined;
  const code = Number(match[1]);
  return code <= 255 ? code : undefined;
}
