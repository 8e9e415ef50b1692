// Every job that is not final, and who may run next. Kept up to date job by job: with thousands of jobs waiting, a change
// costs a search in one group's line, and finding the next job a look at the head of each line.
//
// First come, first served within a group, by creation; a full group holds up nobody outside it. A head that cannot go yet
// (`hold`) holds up its own group, so that nobody overtakes it.
import { isFinal, type Job, type JobStatus } from "@danube/protocol";
import type { ActiveJob, ActiveJobs } from "../decide/active-jobs.ts";
import { createRecentIds } from "../recent-ids.ts";
import type { Group, Limits } from "./limits.ts";

/** What the queue knows of a job: a Job, or one that is about to be stored (version 0, no number yet). */
export interface QueuedJob extends ActiveJob {
  readonly pipelineName: string;
  readonly number?: number;
  readonly status: JobStatus;
  readonly message?: string;
  readonly version: number;
  readonly createdAt: string;
}

/** Why a job has to wait. */
export interface Waiting {
  readonly group: Group;
  /** Whether the group is what it waits for, rather than the global limit. */
  readonly isGroupFull: boolean;
  readonly running: Some;
  /** Those that go before it, the next one first. */
  readonly ahead: Some;
}

/** How many jobs, and the first few of them. */
export interface Some {
  readonly count: number;
  readonly first: readonly QueuedJob[];
}

const few = 3;

export interface JobQueue extends ActiveJobs {
  /** Forgets everything and begins anew with these. */
  replaceAll(jobs: readonly Job[], limits: Limits): void;
  setLimits(limits: Limits): void;
  /** Takes in a job as it is now. What is older than what is known, or about a job that has ended, changes nothing. */
  update(job: QueuedJob): void;
  /** Forgets a job, without the memory of an end: it may come again. */
  forget(jobId: string): void;
  find(jobId: string): QueuedJob | undefined;
  /** Whether a new job of this pipeline may run at once: there is room, and nobody who could take it waits. */
  hasRoomFor(pipelineId: string): boolean;
  /** The job that may run next, if there is one. */
  next(): QueuedJob | undefined;
  /** Counts a pending job as running, for its admission is under way; `update` with a newer version undoes that. */
  admit(jobId: string): void;
  /** Takes a pending job out of consideration until it changes or everything is loaded anew. */
  hold(jobId: string): void;
  /** Marks a job as being cancelled: decisions ignore it, while its place stays taken until it has ended. */
  markCancelling(jobId: string): void;
  /** The pending jobs nearest to the front of their lines, at most `limit` of them. */
  front(limit: number): QueuedJob[];
  explain(jobId: string): Waiting | undefined;
  readonly counts: { readonly running: number; readonly waiting: number };
}

interface Entry {
  job: QueuedJob;
  group: Line;
  state: "running" | "admitting" | "waiting" | "held";
}

interface Line {
  group: Group;
  readonly running: Set<Entry>;
  /** In order of creation. */
  readonly waiting: Entry[];
}

/** Ends that are remembered, so that a late word of an earlier state does not bring a job back. */
const rememberedEnds = 10_000;

export function createJobQueue(initial: Limits): JobQueue {
  let limits = initial;
  const entries = new Map<string, Entry>();
  const lines = new Map<string, Line>();
  const byRef = new Map<string, Set<Entry>>();
  const byPipeline = new Map<string, Set<Entry>>();
  const cancelling = new Set<string>();
  const ended = createRecentIds(rememberedEnds);
  let running = 0;

  const lineOf = (pipelineId: string): Line => {
    const group = limits.groupOf(pipelineId);
    let line = lines.get(group.key);
    if (!line) lines.set(group.key, (line = { group, running: new Set(), waiting: [] }));
    return line;
  };
  const insert = (job: QueuedJob, state: Entry["state"]): void => {
    const entry: Entry = { job, group: lineOf(job.pipelineId), state };
    entries.set(job.id, entry);
    if (isOccupying(state)) {
      entry.group.running.add(entry);
      running++;
    } else entry.group.waiting.splice(placeOf(entry.group.waiting, job), 0, entry);
    addTo(byPipeline, job.pipelineId, entry);
    if (job.trigger.ref !== undefined) addTo(byRef, refKey(job.pipelineId, job.trigger.ref), entry);
  };
  const remove = (entry: Entry): void => {
    const { job, group } = entry;
    entries.delete(job.id);
    if (isOccupying(entry.state)) {
      group.running.delete(entry);
      running--;
    } else group.waiting.splice(group.waiting.indexOf(entry, Math.max(0, placeOf(group.waiting, job))), 1);
    if (group.running.size === 0 && group.waiting.length === 0) lines.delete(group.group.key);
    removeFrom(byPipeline, job.pipelineId, entry);
    if (job.trigger.ref !== undefined) removeFrom(byRef, refKey(job.pipelineId, job.trigger.ref), entry);
  };
  const change = (entry: Entry, state: Entry["state"]): void => {
    remove(entry);
    insert(entry.job, state);
  };
  const clear = (): void => {
    for (const map of [entries, lines, byRef, byPipeline]) map.clear();
    running = 0;
  };
  const hasRoom = (line: Line): boolean => line.running.size < line.group.limit;
  const next = (): QueuedJob | undefined => {
    if (running >= limits.maxJobs) return undefined;
    let first: QueuedJob | undefined;
    for (const line of lines.values()) {
      const head = line.waiting[0];
      if (head?.state === "waiting" && hasRoom(line) && (!first || isBefore(head.job, first))) first = head.job;
    }
    return first;
  };
  const alive = (found: Iterable<Entry> | undefined): ActiveJob[] => {
    const jobs: ActiveJob[] = [];
    for (const { job } of found ?? []) if (!cancelling.has(job.id)) jobs.push(job);
    return jobs;
  };

  return {
    replaceAll(jobs, newLimits) {
      clear();
      limits = newLimits;
      for (const job of jobs) if (!isFinal(job.status) && !ended.has(job.id)) insert(job, stateOf(job));
      for (const id of cancelling) if (!entries.has(id)) cancelling.delete(id);
    },
    setLimits(newLimits) {
      const all = [...entries.values()];
      clear();
      limits = newLimits;
      for (const { job, state } of all) insert(job, state);
    },
    update(job) {
      if (ended.has(job.id)) return;
      const known = entries.get(job.id);
      if (known && known.job.version >= job.version) return;
      if (known) remove(known);
      if (!isFinal(job.status)) return insert(job, stateOf(job));
      cancelling.delete(job.id);
      ended.add(job.id);
    },
    forget(jobId) {
      const entry = entries.get(jobId);
      if (entry) remove(entry);
    },
    find: (jobId) => entries.get(jobId)?.job,
    hasRoomFor(pipelineId) {
      const group = limits.groupOf(pipelineId);
      const line = lines.get(group.key);
      const hasPlace = !line || (hasRoom(line) && line.waiting.length === 0);
      return running < limits.maxJobs && group.limit > 0 && hasPlace && next() === undefined;
    },
    next,
    admit(jobId) {
      const entry = entries.get(jobId);
      if (entry) change(entry, "admitting");
    },
    hold(jobId) {
      const entry = entries.get(jobId);
      if (entry && entry.job.status === "pending") change(entry, "held");
    },
    markCancelling: (jobId) => void cancelling.add(jobId),
    front(limit) {
      const heads = [...lines.values()].flatMap((line) => line.waiting.slice(0, limit));
      return heads
        .map(({ job }) => job)
        .sort((a, b) => (isBefore(a, b) ? -1 : 1))
        .slice(0, limit);
    },
    explain(jobId) {
      const entry = entries.get(jobId);
      if (!entry || isOccupying(entry.state)) return undefined;
      const { group: line, job } = entry;
      const isGroupFull = Number.isFinite(line.group.limit) && (!hasRoom(line) || running < limits.maxJobs);
      const around = isGroupFull ? [line] : [...lines.values()];
      return {
        group: isGroupFull ? line.group : { key: "", title: "", limit: limits.maxJobs },
        isGroupFull,
        running: some(around.map((other) => ({ count: other.running.size, first: other.running }))),
        ahead: some(around.map((other) => ({ count: placeOf(other.waiting, job), first: other.waiting }))),
      };
    },
    ofRef: (pipelineId, ref) => alive(byRef.get(refKey(pipelineId, ref))),
    ofPipeline: (pipelineId) => alive(byPipeline.get(pipelineId)),
    get counts() {
      return { running, waiting: entries.size - running };
    },
  };
}

/** The few first ones of several lines together. */
function some(lines: readonly { readonly count: number; readonly first: Iterable<Entry> }[]): Some {
  const first: QueuedJob[] = [];
  for (const line of lines) {
    let left = Math.min(few, line.count);
    for (const { job } of line.first) {
      if (left-- <= 0) break;
      first.push(job);
    }
  }
  first.sort((a, b) => (isBefore(a, b) ? -1 : 1));
  return { count: lines.reduce((sum, line) => sum + line.count, 0), first: first.slice(0, few) };
}

/** A job that is not stored yet holds its place in line, and cannot be admitted. */
function stateOf(job: QueuedJob): Entry["state"] {
  if (job.status !== "pending") return "running";
  return job.version === 0 ? "held" : "waiting";
}

function isOccupying(state: Entry["state"]): boolean {
  return state === "running" || state === "admitting";
}

function isBefore(a: QueuedJob, b: QueuedJob): boolean {
  return a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.id < b.id);
}

/** Where `job` stands, or would stand, in a line. */
function placeOf(waiting: readonly Entry[], job: QueuedJob): number {
  let low = 0;
  let high = waiting.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore((waiting[middle] as Entry).job, job)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function refKey(pipelineId: string, ref: string): string {
  return `${pipelineId} ${ref}`;
}

function addTo(index: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const found = index.get(key);
  if (found) found.add(entry);
  else index.set(key, new Set([entry]));
}

function removeFrom(index: Map<string, Set<Entry>>, key: string, entry: Entry): void {
  const found = index.get(key);
  found?.delete(entry);
  if (found?.size === 0) index.delete(key);
}
