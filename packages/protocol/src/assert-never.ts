/** Closes a switch over a union: does not compile when a case is missing, and throws should one arrive all the same. */
export function assertNever(value: never): never {
  throw new TypeError(`Unexpected value: ${JSON.stringify(value)}`);
}
