// What this package's tests share: a real database in a temporary directory, and rows to begin with.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestClock, newId, silentLogger, type TestClock } from "@danube/kit";
import {
  BlueprintConfiguration,
  blueprintApiVersion,
  type NewJob,
  type PipelineDocument,
  type TriggerEvent,
} from "@danube/protocol";
import { onTestFinished } from "vitest";
import { applyConfiguration } from "./write/apply-configuration.ts";
import { createJob } from "./write/create-job.ts";
import { type OpenWriterOptions, openWriter } from "./write/open-writer.ts";
import { findPipelineByName } from "./write/pipelines.ts";
import { type JobTransition, transitionJob } from "./write/transition-job.ts";
import type { Writer } from "./write/writer.ts";

/** A directory that is gone when the test is. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "danube-db-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface TestDatabase {
  readonly dataDirectory: string;
  readonly clock: TestClock;
  readonly writer: Writer;
}

export async function openTestDatabase(options: Partial<OpenWriterOptions> = {}): Promise<TestDatabase> {
  const dataDirectory = options.dataDirectory ?? temporaryDirectory();
  const clock = createTestClock();
  const writer = await openWriter({ logger: silentLogger, ballastBytes: 4_096, clock, ...options, dataDirectory });
  onTestFinished(() => writer.close());
  return { dataDirectory, clock, writer };
}

export function pipelineDocument(name: string, spec: object = {}): PipelineDocument {
  const document = {
    apiVersion: blueprintApiVersion,
    kind: "Pipeline",
    metadata: { name },
    spec: { repository: `https://example.com/${name}.git`, ...spec },
  };
  return configurationOf({ pipelines: [document] }).pipelines[0] as PipelineDocument;
}

export function configurationOf(parts: { users?: object[]; teams?: object[]; pipelines?: object[]; config?: object }) {
  return BlueprintConfiguration.parse({
    config: { apiVersion: blueprintApiVersion, kind: "Config", spec: parts.config ?? {} },
    users: parts.users ?? [],
    teams: parts.teams ?? [],
    pipelines: parts.pipelines ?? [],
  });
}

/** Applies a configuration with these pipelines and returns their ids, in order. */
export async function applyPipelines(writer: Writer, ...names: string[]): Promise<string[]> {
  const configuration = configurationOf({ pipelines: names.map((name) => pipelineDocument(name)) });
  return writer.transaction((transaction) => {
    applyConfiguration(transaction, { configuration, newId });
    return names.map((name) => findPipelineByName(transaction, name)?.id ?? "");
  });
}

export function newJob(pipelineId: string, fields: Partial<NewJob> = {}): NewJob {
  const base = { id: newId(), pipelineId, trigger: { type: "push" as const }, params: {}, admit: false };
  return { ...base, attempt: 1, supersedes: [], ...fields };
}

export function pushEvent(fields: Partial<TriggerEvent> = {}): TriggerEvent {
  return { type: "push", forge: "github", repositoryUrls: ["https://example.com/app.git"], ...fields };
}

export const failed: JobTransition = { status: "failure", reason: "step_failed", message: 'Step "test" failed.' };

/** Makes a job and takes it along `path`. */
export async function jobAt(writer: Writer, pipelineId: string, ...path: JobTransition[]) {
  return writer.transaction((transaction) => {
    const job = createJob(transaction, newJob(pipelineId));
    return path.reduce((_, to) => transitionJob(transaction, { jobId: job.id, to }).record.job, job);
  });
}
