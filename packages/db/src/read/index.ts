// The reading side: for every process that sees the volume.
export { createQueries } from "./queries.ts";
export { openReader, type OpenReaderOptions, type Reader } from "./reader.ts";
