// A process that writes a log until it is killed: `node endless-writer.ts <directory> <job id>`.
import { openLogWriter } from "../log-writer.ts";
import { createRedactor, type Secret } from "../redactor.ts";

export const sourceSecrets: readonly Secret[] = [{ name: "S", value: "secret-value-7" }];
const unit = Buffer.from(
  "a line with secret-value-7 in it\nsecret-value-secret-value-7secret-value-77 and no end of it\r\n",
);

/** The endless source's bytes from `offset` on. */
export function sourceBytes(offset: number, length: number): Buffer {
  const repeated = Buffer.alloc(length + unit.length, unit);
  const skipped = offset % unit.length;
  return repeated.subarray(skipped, skipped + length);
}

if (import.meta.main) {
  const [directory, jobId] = process.argv.slice(2);
  const writer = await openLogWriter({ directory: directory!, jobId: jobId!, redactor: createRedactor(sourceSecrets) });
  const source = writer.source("step:endless");
  for (let offset = source.offset, chunk = 1; ; chunk = (chunk * 7 + 13) % 5_000) {
    const appended = source.append(offset, sourceBytes(offset, chunk));
    offset += chunk;
    if (chunk % 4 !== 0) continue;
    await appended;
    process.stdout.write(".");
  }
}
