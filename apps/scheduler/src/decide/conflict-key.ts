import { normaliseRepositoryUrl } from "@danube/blueprint";
import type { Trigger } from "@danube/protocol";
import { refOf } from "./event-ref.ts";

/** Triggers with the same key must be decided one after the other, for each may cancel or double what the one before made. */
export function conflictKeyOf({ event }: Trigger): string | undefined {
  if (event.type === "manual" || event.type === "cron" || event.type === "rerun") return undefined;
  const [url = ""] = event.repositoryUrls;
  return `${normaliseRepositoryUrl(url) ?? url} ${refOf(event) ?? ""}`;
}
