export { deleteLog, type LogLocation } from "./log-files.ts";
export { type FollowLogOptions, followLog, type LogChunk, type LogFollower } from "./log-follower.ts";
export { pipelineSourceName } from "./log-merge.ts";
export {
  type LogRange,
  type LogReader,
  type LogReadOptions,
  type LogSegment,
  type LogStatus,
  openLogReader,
} from "./log-reader.ts";
export type { LogMatch, LogSearch, LogSearchResult } from "./log-search.ts";
export {
  type JobLogWriter,
  type LogSource,
  type OpenLogWriterOptions,
  openLogWriter,
} from "./log-writer.ts";
export {
  createRedactor,
  minimumSecretLength,
  type RedactedPiece,
  type RedactionState,
  type RedactionStream,
  type Redactor,
  type Secret,
} from "./redactor.ts";
export { takeWholeUtf8 } from "./take-whole-utf8.ts";
