// The script that carries a step to the launcher: command, environment and working directory, so that none of them is in
// anybody's arguments on the way.
//
// It is sourced by launcher.sh (see there) in a process of its own, with the environment that the driver gives to every
// step. Of that it uses DANUBE_WORKSPACE, and from the launcher `$danube_tools` and the positional parameters, which are
// the words that start a program in a new session. It ends with `exec`. What goes wrong before is one line that begins
// with "danube: " on standard error, and exit code 126 or 127 with the meaning that shells give them.
import { Buffer } from "node:buffer";
import { DanubeError, type Environment, type StepCommand } from "@danube/protocol";

export interface StepScriptOptions {
  readonly command: StepCommand;
  /** Added to what the driver gives to every step; wins over it. The worker's environment belongs in here too. */
  readonly env?: Environment;
  /** Relative to the workspace, or absolute; outside of the workspace, symbolic links resolved, the step fails with 126. */
  readonly cwd?: string | undefined;
}

/**
 * Makes the script of a step. Throws `invalid_request` for what no program can be given: a NUL, an empty program name, or a
 * single argument or variable of 128 KiB or more (the kernel's limit, execve(2), MAX_ARG_STRLEN).
 */
export function buildStepScript(options: StepScriptOptions): Uint8Array {
  const { command, env = {}, cwd } = options;
  check(options);
  const variables = Object.entries(env);
  const exported = variables.filter(([name]) => canExport(name));
  const others = variables.filter(([name]) => !canExport(name));
  const start = ['exec "$@"', ...(others.length === 0 ? [] : ['"$danube_env" "$danube_env_option"'])];
  const additions = others.map(([name, value]) => quote(`${name}=${value}`));
  const lines = [
    "exec 3<&-",
    ...enterDirectory(cwd),
    ...exported.map(([name, value]) => `export ${name}=${quote(value)}`),
    ...(others.length === 0 ? [] : findEnv),
    ...("shell" in command
      ? runShell(command.shell, [...start, ...additions])
      : runProgram(command.argv, [...start, ...additions])),
  ];
  return Buffer.from(`${lines.join("\n")}\n`, "utf8");
}

/**
 * Lines for a shell that export an environment, exactly. Variables whose names no shell can export, or that a shell uses
 * itself, are left out.
 */
export function buildExports(env: Environment): string {
  return Object.entries(env)
    .filter(([name]) => canExport(name))
    .map(([name, value]) => `export ${name}=${quote(value)}\n`)
    .join("");
}

/** Quotes `value` for a POSIX shell: one word, every byte as it is. */
export function quote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/;
// Names to which some shell gives a meaning or a value of its own, and those of the launcher.
const reserved =
  /^(?:danube_.*|BASH.*|DIRSTACK|EPOCH.*|E?UID|FUNCNAME|GROUPS|HISTCMD|IFS|LINENO|OLDPWD|OPT[A-Z]+|POSIXLY_CORRECT|PPID|PS[0-4]|PWD|S?RANDOM|SECONDS|SHELLOPTS|SHLVL|_)$/;

// What cannot be exported exactly is given through env(1). Then it is in env's arguments for the moment until env becomes
// the command; and a shell command does not see names that are not identifiers, as most shells drop them.
function canExport(name: string): boolean {
  return identifier.test(name) && !reserved.test(name);
}

const maximumBytes = 131_071;

function check({ command, env = {}, cwd }: StepScriptOptions): void {
  const words = "shell" in command ? [command.shell] : command.argv;
  if ("argv" in command && (words[0] ?? "") === "")
    throw new DanubeError("invalid_request", "The command is empty: argv must begin with the name of a program.");
  for (const word of words) checkText(word, "a word of the command");
  for (const [name, value] of Object.entries(env)) {
    if (name === "DANUBE_SANDBOX")
      throw new DanubeError("invalid_request", "DANUBE_SANDBOX marks the processes of a job and cannot be set.");
    if (name === "" || name.includes("="))
      throw new DanubeError("invalid_request", `"${name}" is not a name for an environment variable.`);
    checkText(`${name}=${value}`, `the environment variable ${JSON.stringify(name)}`);
  }
  if (cwd !== undefined) checkText(cwd, "the working directory");
}

function checkText(text: string, what: string): void {
  if (text.includes("\0")) throw new DanubeError("invalid_request", `There is a NUL character in ${what}.`);
  const size = Buffer.byteLength(text);
  if (size > maximumBytes)
    throw new DanubeError(
      "invalid_request",
      `${size} bytes are too many for ${what}: an operating system takes at most ${maximumBytes}. Put it into a file.`,
    );
}

const fail = (code: 126 | 127, message: string) => `{ printf 'danube: %s\\n' ${message} >&2; exit ${code}; }`;

function enterDirectory(cwd: string | undefined): string[] {
  const enterWorkspace = `cd -P -- "\${DANUBE_WORKSPACE:-/nonexistent}" >/dev/null 2>&1 || ${fail(126, '"the workspace \\"${DANUBE_WORKSPACE-}\\" cannot be entered"')}`;
  const leave = ["unset OLDPWD SHLVL", "export PWD"];
  if (cwd === undefined || cwd === "" || cwd === ".") return [enterWorkspace, ...leave];
  const path = quote(cwd.startsWith("/") ? cwd : `./${cwd}`);
  const shown = `"the working directory \\"$danube_cwd\\"`;
  return [
    enterWorkspace,
    "danube_root=$PWD",
    `danube_cwd=${quote(cwd)}`,
    `[ -e ${path} ] || ${fail(126, `${shown} does not exist"`)}`,
    `[ -d ${path} ] || ${fail(126, `${shown} is not a directory"`)}`,
    `cd -P -- ${path} >/dev/null 2>&1 || ${fail(126, `${shown} cannot be entered"`)}`,
    `case $PWD/ in "\${danube_root%/}"/*) ;; *) ${fail(126, `${shown} is outside of the workspace"`)} ;; esac`,
    ...leave,
  ];
}

function runShell(command: string, start: readonly string[]): string[] {
  return [
    `danube_command=${quote(command)}`,
    `if [ -x /bin/sh ]; then ${start.join(" ")} /bin/sh -c "$danube_command"; fi`,
    `${start.join(" ")} "$danube_tools" sh -c "$danube_command"`,
  ];
}

function runProgram(argv: readonly string[], start: readonly string[]): string[] {
  const name = argv[0] as string;
  const shown = quote(name);
  const found = name.includes("/")
    ? [`danube_program=${quote(name.startsWith("-") ? `./${name}` : name)}`]
    : [
        "danube_program= danube_candidate=",
        "IFS=:",
        "set -f",
        "for danube_directory in ${PATH-/usr/local/bin:/usr/bin:/bin}; do",
        `  danube_candidate=\${danube_directory:-.}/${shown}`,
        '  if [ -f "$danube_candidate" ]; then',
        '    if [ -x "$danube_candidate" ]; then danube_program=$danube_candidate; break; fi',
        "    danube_program=${danube_program:-$danube_candidate}",
        "  fi",
        "done",
        `[ -n "$danube_program" ] || ${fail(127, `"command not found: "${shown}`)}`,
      ];
  return [
    ...found,
    `[ -e "$danube_program" ] || ${fail(127, `"command not found: $danube_program"`)}`,
    `[ ! -d "$danube_program" ] || ${fail(126, `"not a program but a directory: $danube_program"`)}`,
    `[ -x "$danube_program" ] || ${fail(126, `"not executable: $danube_program"`)}`,
    [...start, '"$danube_program"', ...argv.slice(1).map(quote)].join(" "),
  ];
}

// busybox takes its applet's name first, so that `env --` of the system and `busybox env` are two words each.
const findEnv = [
  "danube_env=/usr/bin/env danube_env_option=--",
  "[ -x /usr/bin/env ] || { danube_env=$danube_tools danube_env_option=env; }",
];
