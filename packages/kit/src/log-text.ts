// Log records as lines for people.

interface Destination {
  write(line: string): unknown;
}

const own = new Set(["level", "time", "name", "message", "error"]);

/** Takes pino's JSON lines and passes each on as `12:00:00.000 INFO  api  Message  key=value`. */
export function createTextDestination(target: Destination): Destination {
  return { write: (line) => target.write(formatRecord(line)) };
}

function formatRecord(line: string): string {
  const record = JSON.parse(line) as Record<string, unknown>;
  const time = text(record["time"]).slice(11, 23);
  const fields = Object.entries(record)
    .filter(([key]) => !own.has(key))
    .map(([key, value]) => `  ${inert(key)}=${inert(typeof value === "string" ? value : JSON.stringify(value))}`)
    .join("");
  const head = `${time} ${text(record["level"]).toUpperCase().padEnd(5)} ${inert(text(record["name"]))}  ${inert(text(record["message"]))}${fields}\n`;
  const words = errorWords(record["error"]);
  return head + words.map((part) => `    ${inert(part)}\n`).join("");
}

/** An error's stack and those of its causes, line by line. */
function errorWords(error: unknown): string[] {
  if (error === undefined || error === null) return [];
  const { stack, message, cause } = error as { stack?: unknown; message?: unknown; cause?: unknown };
  const own = text(stack ?? message ?? JSON.stringify(error)).split("\n");
  const [first = "", ...rest] = errorWords(cause);
  return cause === undefined ? own : [...own, `caused by: ${first}`, ...rest];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Other people's data ends up in logs: no control character of it may reach the reader's terminal or begin a line. */
function inert(value: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return value.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
