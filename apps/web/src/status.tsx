import type { JobStatus, Step } from "@danube/protocol";
import { statusSigns } from "./format.ts";

export function Status({ status, short = false }: { status: JobStatus | Step["status"]; short?: boolean }) {
  const { sign, word } = statusSigns[status];
  return (
    <span class={`status status-${status}`} title={word}>
      <span aria-hidden="true">{sign}</span>
      <span class={short ? "hidden-text" : "status-word"}>{word}</span>
    </span>
  );
}
