import type { Step } from "@danube/protocol";
import type { Selectable } from "kysely";
import type { StepsTable } from "../schema.ts";
import { withoutNulls } from "./json.ts";

export function toStep(row: Selectable<StepsTable>): Step {
  return {
    id: row.id,
    jobId: row.job_id,
    ...withoutNulls({ parentId: row.parent_id }),
    kind: row.kind,
    name: row.name,
    sequence: row.sequence,
    status: row.status,
    ...withoutNulls({ reason: row.reason, message: row.message }),
    soft: row.soft === 1,
    ...withoutNulls({ exitCode: row.exit_code }),
    attempt: row.attempt,
    ...withoutNulls({
      logOffsetStart: row.log_offset_start,
      logOffsetEnd: row.log_offset_end,
      commandSha256: row.command_sha256,
    }),
    startedAt: row.started_at,
    ...withoutNulls({ finishedAt: row.finished_at }),
  };
}
