export { deleteLog } from "./log-files.ts";
export { followLog, type LogChunk, type LogFollower } from "./log-follower.ts";
export {
  type LogMatch,
  type LogRange,
  type LogReader,
  type LogSearch,
  type LogSegment,
  type LogStatus,
  openLogReader,
} from "./log-reader.ts";
export {
  type JobLogWriter,
  type LogSource,
  type OpenLogWriterOptions,
  openLogWriter,
  pipelineSourceName,
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
