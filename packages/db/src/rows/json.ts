import { DanubeError } from "@danube/protocol";
import type { z } from "zod";

/** Reads a JSON column with its schema, so that fields added since get their defaults. What does not fit is `corrupt`. */
export function readJson<S extends z.ZodType>(schema: S, text: string, column: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DanubeError("corrupt", `The database holds something in ${column} that this program cannot read.`, {
      cause,
    });
  }
}

/** `value` without the fields that are null: rows say null where the protocol leaves a field out. */
export function withoutNulls<T extends object>(value: T): WithoutNulls<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null)) as WithoutNulls<T>;
}

type WithoutNulls<T> = { [K in keyof T as null extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as null extends T[K] ? K : never]?: Exclude<T[K], null>;
};
