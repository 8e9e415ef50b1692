import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { formatTable } from "../output.ts";
import type { CommandContext } from "./command-context.ts";

export async function showStatus(context: CommandContext): Promise<ExitCode> {
  const report = await context.api.health();
  if (context.json) context.output.json(report);
  else
    context.output.data(
      formatTable([
        ["CHECK", "STATE", ""],
        ...report.checks.map((check) => [check.name, check.ok ? "ok" : "failing", check.detail ?? ""]),
      ]),
    );
  return report.status === "ok" ? exitCodes.ok : exitCodes.jobFailed;
}

export async function showBlueprintStatus(context: CommandContext): Promise<ExitCode> {
  const status = await context.api.blueprintStatus();
  if (context.json) {
    context.output.json(status);
    return exitCodes.ok;
  }
  context.output.data(`Applied commit: ${status.commitSha ?? "none yet"}\n`);
  const rows = status.syncs.map((sync) => [
    sync.finishedAt,
    sync.status,
    sync.commitSha?.slice(0, 8) ?? "",
    sync.errors[0] ?? "",
  ]);
  if (rows.length > 0) context.output.data(formatTable([["WHEN", "RESULT", "COMMIT", ""], ...rows]));
  const failed = status.syncs[0]?.status === "failed";
  for (const error of failed ? (status.syncs[0]?.errors ?? []) : [])
    context.output.note(context.output.style("red", error));
  return failed ? exitCodes.jobFailed : exitCodes.ok;
}
