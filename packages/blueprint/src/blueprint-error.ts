/** One thing that is wrong with a Blueprint. */
export interface BlueprintError {
  /** The path in the repository, such as `pipelines/site.json`. */
  readonly file: string;
  /** Where in the file: a JSON pointer (RFC 6901); empty for the whole document. */
  readonly pointer: string;
  /** From 1; absent when there is no place in the text to show, such as for a missing file. */
  readonly line?: number;
  readonly column?: number;
  /** A sentence that names the value and the likely fix. */
  readonly message: string;
}

/** The error as one line: `pipelines/site.json:4:9 /spec/triggers/0/on: …`. */
export function formatBlueprintError(error: BlueprintError): string {
  const place = error.line === undefined ? "" : `:${error.line}:${error.column ?? 1}`;
  return `${error.file}${place}${error.pointer === "" ? "" : ` ${error.pointer}`}: ${error.message}`;
}

/** A value as a message shows it: JSON on one line, cut short, so that control characters are inert. */
export function showValue(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
