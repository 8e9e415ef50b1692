// What one pipeline must fulfil beyond its schema.
import { type PipelineDocument, type PipelineTrigger, toPointer } from "@danube/protocol";
import { showValue } from "./blueprint-error.ts";
import { checkParameters } from "./check-parameters.ts";
import { checkResources } from "./check-resources.ts";
import { createCronSchedule } from "./cron-schedule.ts";
import { findGlobMistake } from "./glob.ts";
import type { Report } from "./report.ts";
import { findRepositoryMistake } from "./repository-url.ts";

type At = (pointer: string, message: string) => void;

/** Reports everything about `document`, the content of `file`, that is wrong whatever the other files say. */
export function checkPipeline(file: string, document: PipelineDocument, report: Report): void {
  const at: At = (pointer, message) => report(file, pointer, message);
  const { spec } = document;
  checkName(file, document.metadata.name, at);

  const repositoryMistake = findRepositoryMistake(spec.repository);
  if (repositoryMistake) at("/spec/repository", repositoryMistake);
  checkScript(spec.script, at);
  if (spec.branch_filter) checkGlobs(spec.branch_filter, "/spec/branch_filter", "branch", at);
  checkTriggers(spec.triggers, at);
  checkParameters(spec.params, at);

  checkResources(spec.worker, "/spec/worker", at);
  for (const [name, worker] of Object.entries(spec.workers)) {
    const pointer = toPointer(["spec", "workers", name]);
    checkResources(worker, pointer, at);
    if (Object.hasOwn(spec.services, name))
      at(toPointer(["spec", "services", name]), `${showValue(name)} is the name of a worker already; choose another`);
  }
  checkPermissions(spec.permissions, at);
}

function checkName(file: string, name: string, at: At): void {
  const fileName = file.slice(file.lastIndexOf("/") + 1);
  if (fileName !== `${name}.json`)
    at(
      "/metadata/name",
      `the pipeline ${showValue(name)} stands in ${fileName}; rename the file to ${name}.json or the pipeline to ${showValue(fileName.replace(/\.json$/, ""))}`,
    );
}

function checkScript(script: string, at: At): void {
  const isInside = !script.startsWith("/") && !script.includes("\\") && !script.split("/").includes("..");
  if (!isInside)
    at(
      "/spec/script",
      `${showValue(script)} is not allowed: write a path inside the repository, such as "ci/danubefile.ts"`,
    );
}

function checkTriggers(triggers: readonly PipelineTrigger[], at: At): void {
  const schedules = new Map<string, number>();
  for (const [place, trigger] of triggers.entries()) {
    const pointer = `/spec/triggers/${place}`;
    if ("branches" in trigger && trigger.branches) checkGlobs(trigger.branches, `${pointer}/branches`, "branch", at);
    if ("paths" in trigger && trigger.paths) checkGlobs(trigger.paths, `${pointer}/paths`, "path", at);
    if ("tags" in trigger && trigger.tags) checkGlobs(trigger.tags, `${pointer}/tags`, "tag", at);
    if (trigger.on !== "cron") continue;
    checkCron(trigger, pointer, at);
    const key = JSON.stringify([trigger.schedule, trigger.timezone, trigger.branch]);
    const first = schedules.get(key);
    if (first === undefined) schedules.set(key, place);
    else at(pointer, `this is the same schedule as /spec/triggers/${first}; remove one`);
  }
}

function checkCron(trigger: PipelineTrigger & { on: "cron" }, pointer: string, at: At): void {
  const mistakeIn = (schedule: string, timezone: string): string | undefined => {
    try {
      createCronSchedule(schedule, timezone);
      return undefined;
    } catch (error) {
      if (error instanceof RangeError) return error.message;
      throw error;
    }
  };
  const timezone = mistakeIn("@daily", trigger.timezone);
  if (timezone) at(`${pointer}/timezone`, timezone);
  const schedule = mistakeIn(trigger.schedule, "UTC");
  if (schedule) at(`${pointer}/schedule`, schedule);
}

function checkGlobs(globs: readonly string[], pointer: string, what: string, at: At): void {
  if (globs.length === 0) at(pointer, `an empty list says nothing; leave the key out to take every ${what}`);
  for (const [place, glob] of globs.entries()) {
    const mistake = findGlobMistake(glob);
    if (mistake) at(`${pointer}/${place}`, mistake);
  }
}

function checkPermissions(permissions: PipelineDocument["spec"]["permissions"], at: At): void {
  const first = new Map<string, number>();
  for (const [place, { team }] of permissions.entries()) {
    const earlier = first.get(team);
    if (earlier === undefined) first.set(team, place);
    else
      at(
        `/spec/permissions/${place}/team`,
        `the team ${showValue(team)} has its level in /spec/permissions/${earlier} already; remove one`,
      );
  }
}
