// `danube run`: a pipeline file here and now. The same control plane, Coordinator and launcher as everywhere, with a data
// directory that lives as long as the command; nothing but the workspace is left behind.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { parseEnv } from "node:util";
import { createLogger, createMetrics } from "@danube/kit";
import { CliError } from "../cli-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { findInstallation } from "../installation.ts";
import { startLocalControlPlane } from "../local-control-plane.ts";
import { followLocalJob } from "../local-job-events.ts";
import type { Output } from "../output.ts";
import { printEvents } from "./follow-job.ts";

export interface RunOptions {
  readonly json?: boolean;
  readonly param: Readonly<Record<string, string>>;
  readonly secretFile?: string;
  readonly branch?: string;
}

export interface RunSurroundings {
  readonly output: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  readonly signal: AbortSignal;
}

export async function run(file: string, options: RunOptions, surroundings: RunSurroundings): Promise<ExitCode> {
  const { output, environment, directory, signal } = surroundings;
  const path = resolve(directory, file);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile())
    throw new CliError(`There is no pipeline file at ${path}; name one, or write danubefile.ts.`, exitCodes.usage);
  const inside = !relative(directory, path).startsWith("..");
  const workspace = inside ? directory : dirname(path);
  const secrets = readSecrets(options.secretFile, directory);
  const dataDirectory = mkdtempSync(join(tmpdir(), "danube-run-"));
  const logger = createLogger({ level: "error", format: "text", name: "danube" });
  try {
    const local = await startLocalControlPlane({
      dataDirectory,
      preparedSandboxes: 0,
      ballastBytes: 0,
      installation: findInstallation(),
      environment,
      logger,
      metrics: createMetrics(),
    });
    const { controlPlane } = local;
    try {
      const actor = { subject: "local" };
      for (const [name, value] of Object.entries(secrets))
        await controlPlane.commands.setSecret({ name, value, actor });
      const job = await controlPlane.createLocalJob({
        pipelineName: pipelineNameOf(workspace),
        workspaceDirectory: workspace,
        script: relative(workspace, path),
        params: options.param,
        trigger: describeCheckout(workspace, options.branch),
      });
      const cancel = () =>
        void controlPlane.commands
          .cancelJob({ jobId: job.id, actor, message: "Interrupted." })
          .catch((error: unknown) => output.note(String(error)));
      if (signal.aborted) cancel();
      signal.addEventListener("abort", cancel, { once: true });
      return await printEvents(
        { output, json: options.json === true, signal },
        followLocalJob(controlPlane, local.paths.logs, job),
      );
    } finally {
      await local.stop();
    }
  } finally {
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}

function readSecrets(file: string | undefined, directory: string): Record<string, string> {
  if (file === undefined) return {};
  try {
    const pairs = Object.entries(parseEnv(readFileSync(resolve(directory, file), "utf8")));
    return Object.fromEntries(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
  } catch (cause) {
    throw new CliError(`The secret file ${file} cannot be read: ${(cause as Error).message}`, exitCodes.usage, {
      cause,
    });
  }
}

/** What Git says of the directory, for `ctx`; nothing where there is no repository. */
function describeCheckout(directory: string, branch: string | undefined): { branch?: string; commitSha?: string } {
  const ask = (...args: string[]): string | undefined => {
    try {
      return (
        execFileSync("git", args, { cwd: directory, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim() ||
        undefined
      );
    } catch {
      return undefined;
    }
  };
  const commitSha = ask("rev-parse", "--verify", "--quiet", "HEAD");
  const checkedOut = branch ?? ask("symbolic-ref", "--short", "--quiet", "HEAD");
  return {
    ...(checkedOut === undefined ? {} : { branch: checkedOut }),
    ...(commitSha === undefined ? {} : { commitSha }),
  };
}

function pipelineNameOf(directory: string): string {
  const name = basename(directory)
    .replace(/[^A-Za-z0-9._-]+/g, "-")
    .replace(/^[._-]+|[._-]+$/g, "")
    .replace(/\.{2,}/g, ".")
    .slice(0, 100);
  return name === "" ? "pipeline" : name;
}
