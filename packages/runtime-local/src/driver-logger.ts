/** What the driver needs of a logger; package kit's has it. */
export interface LocalDriverLogger {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
}
