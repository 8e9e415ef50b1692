// The command line: names, options and help. What a command does is loaded when it is called, so that `danube --help` and
// `danube run` stay quick.
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { toCliError } from "./cli-error.ts";
import type { CommandContext } from "./commands/command-context.ts";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { createOutput } from "./output.ts";
import { version } from "./version.ts";

type Process = Pick<NodeJS.Process, "env" | "stdin" | "stdout" | "stderr" | "once" | "off" | "cwd">;

interface GlobalOptions {
  readonly json?: boolean;
  readonly url?: string;
  readonly tokenFile?: string;
}

/** Runs one command line (without `node` and the script) and returns what the process should exit with. */
export async function runProgram(argv: readonly string[], process: Process): Promise<ExitCode> {
  const output = createOutput(process.stdout, process.stderr);
  const interruption = new AbortController();
  // The first signal asks; a second one of the same kind, with nobody listening any more, ends the process.
  const onInterrupt = () => interruption.abort("SIGINT");
  const onTerminate = () => interruption.abort("SIGTERM");
  // The terminal is closed, or nobody reads any more, as with `| head`: what is under way still ends in order.
  const onHangup = () => interruption.abort("SIGHUP");
  const onOutputLost = () => interruption.abort("SIGPIPE");
  process.once("SIGINT", onInterrupt);
  process.once("SIGTERM", onTerminate);
  process.once("SIGHUP", onHangup);
  for (const stream of [process.stdout, process.stderr]) stream.on("error", onOutputLost);
  let exitCode: ExitCode = exitCodes.ok;

  /** Wraps an action so that its result becomes the exit code. */
  const action =
    <A extends unknown[]>(run: (...args: A) => Promise<ExitCode>) =>
    async (...args: A): Promise<void> => {
      exitCode = await run(...args);
    };

  const context = async (command: Command): Promise<CommandContext> => {
    const options = command.optsWithGlobals<GlobalOptions>();
    const [{ createApiClient }, { resolveConnection }] = await Promise.all([
      import("./api-client.ts"),
      import("./connection.ts"),
    ]);
    const api = createApiClient(resolveConnection(options, process.env));
    return { api, output, json: options.json === true, signal: interruption.signal };
  };

  const program = new Command("danube")
    .description("CI/CD whose pipelines are TypeScript programs.")
    .version(version, "-V, --version")
    .option("--json", "print JSON on stdout, for scripts")
    .option("--url <url>", "the server (default: DANUBE_URL, else this user's running `danube up`)")
    .option("--token-file <file>", "a file with the API token (default: DANUBE_TOKEN_FILE or DANUBE_TOKEN)")
    .showHelpAfterError("(add --help for what there is)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => process.stdout.write(text),
      writeErr: (text) => process.stderr.write(text),
    });

  program
    .command("up")
    .description("run a whole Danube in one process, with jobs as processes of this machine")
    .option("--data-dir <directory>", "where everything is kept", ".danube")
    .option("--blueprint <url>", "the Git repository with the configuration")
    .option("--blueprint-branch <branch>", "its branch", "main")
    .option("--port <port>", "the port on 127.0.0.1; 0 takes any free one", "8080")
    .option("--config <file>", "a danube.toml")
    .action(
      action(async (_options: object, command: Command) => {
        const { up } = await import("./commands/up.ts");
        return up(command.optsWithGlobals(), { output, environment: process.env, signal: interruption.signal });
      }),
    );

  program
    .command("run")
    .description("run a pipeline file here and now, without a server")
    .argument("[file]", "the pipeline file", "danubefile.ts")
    .option("--param <name=value>", "a parameter of the pipeline; may be repeated", collectPairs, {})
    .option("--secret-file <file>", "secrets as NAME=value lines")
    .option("--branch <branch>", "what ctx.branch says (default: the checked out branch)")
    .action(
      action(async (file: string, _options: object, command: Command) => {
        const { run } = await import("./commands/run.ts");
        const directory = process.cwd();
        return run(file, command.optsWithGlobals(), {
          output,
          environment: process.env,
          directory,
          signal: interruption.signal,
        });
      }),
    );

  const jobs = program
    .command("jobs")
    .description("list and control jobs; a job is an id, @latest, or pipeline#number");
  jobs
    .command("list")
    .description("the newest jobs")
    .option("--pipeline <name>", "of this pipeline only")
    .option("--status <status>", "with this status only")
    .addOption(new Option("--limit <count>", "how many").default(20).argParser(parseCount))
    .action(
      action(async (options: { pipeline?: string; status?: string; limit: number }, command: Command) =>
        (await import("./commands/jobs.ts")).listJobs(await context(command), options),
      ),
    );
  jobs
    .command("show")
    .description("a job with its steps and artifacts")
    .argument("<job>")
    .action(
      action(async (job: string, _: object, command: Command) =>
        (await import("./commands/jobs.ts")).showJob(await context(command), job),
      ),
    );
  jobs
    .command("watch")
    .description("follow a job to its end; exits 1 if it fails")
    .argument("<job>")
    .action(
      action(async (job: string, _: object, command: Command) =>
        (await import("./commands/jobs.ts")).watchJob(await context(command), job),
      ),
    );
  jobs
    .command("cancel")
    .description("stop a job")
    .argument("<job>")
    .action(
      action(async (job: string, _: object, command: Command) =>
        (await import("./commands/jobs.ts")).cancelJob(await context(command), job),
      ),
    );
  jobs
    .command("rerun")
    .description("run a job's commit again, as a new attempt")
    .argument("<job>")
    .option("-f, --follow", "follow the new job")
    .action(
      action(async (job: string, options: { follow?: boolean }, command: Command) =>
        (await import("./commands/jobs.ts")).rerunJob(await context(command), job, options.follow === true),
      ),
    );

  program
    .command("logs")
    .description("print a job's log")
    .argument("[job]", "a job", "@latest")
    .option("-f, --follow", "go on until the job ends; exits 1 if it fails")
    .option("--step <id>", "only this step's output")
    .action(
      action(async (job: string, options: { follow?: boolean; step?: string }, command: Command) =>
        (await import("./commands/jobs.ts")).printLog(await context(command), job, {
          ...options,
          follow: options.follow === true,
        }),
      ),
    );

  program
    .command("trigger")
    .description("start a pipeline by hand")
    .argument("<pipeline>")
    .option("--branch <branch>", "the branch (default: the repository's)")
    .option("--commit <sha>", "the exact commit")
    .option("--param <name=value>", "a parameter; may be repeated", collectPairs, {})
    .option("-f, --follow", "follow the job; exits 1 if it fails")
    .action(
      action(
        async (
          pipeline: string,
          options: { branch?: string; commit?: string; param: Record<string, string>; follow?: boolean },
          command: Command,
        ) =>
          (await import("./commands/jobs.ts")).triggerPipeline(await context(command), pipeline, {
            branch: options.branch,
            commit: options.commit,
            params: options.param,
            follow: options.follow === true,
          }),
      ),
    );

  const secret = program.command("secret").description("manage secrets; values are never shown");
  const pipelineOption = ["--pipeline <name>", "for this pipeline only (default: all)"] as const;
  secret
    .command("set")
    .description("set a secret to what comes on standard input")
    .argument("<name>")
    .option(...pipelineOption)
    .action(
      action(async (name: string, options: { pipeline?: string }, command: Command) =>
        (await import("./commands/secrets.ts")).setSecret(
          await context(command),
          name,
          options.pipeline,
          process.stdin as NodeJS.ReadStream,
        ),
      ),
    );
  secret
    .command("list")
    .description("names, never values")
    .action(
      action(async (_: object, command: Command) =>
        (await import("./commands/secrets.ts")).listSecrets(await context(command)),
      ),
    );
  secret
    .command("delete")
    .description("delete a secret")
    .argument("<name>")
    .option(...pipelineOption)
    .action(
      action(async (name: string, options: { pipeline?: string }, command: Command) =>
        (await import("./commands/secrets.ts")).deleteSecret(await context(command), name, options.pipeline),
      ),
    );

  program
    .command("blueprint")
    .description("the configuration repository")
    .command("status")
    .description("what is applied, and why the last sync failed if it did")
    .action(
      action(async (_: object, command: Command) =>
        (await import("./commands/status.ts")).showBlueprintStatus(await context(command)),
      ),
    );

  program
    .command("status")
    .description("whether the server is well")
    .action(
      action(async (_: object, command: Command) =>
        (await import("./commands/status.ts")).showStatus(await context(command)),
      ),
    );

  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    const failure = toCliError(error);
    if (interruption.signal.aborted) return exitCodes.interrupted;
    output.note(`danube: ${failure.message}`);
    return failure.exitCode;
  } finally {
    process.off("SIGINT", onInterrupt);
    process.off("SIGTERM", onTerminate);
    process.off("SIGHUP", onHangup);
  }
}

function collectPairs(pair: string, before: Record<string, string>): Record<string, string> {
  const equals = pair.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("Write it as NAME=value.");
  return { ...before, [pair.slice(0, equals)]: pair.slice(equals + 1) };
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 500)
    throw new InvalidArgumentError("Write a number from 1 to 500.");
  return count;
}
