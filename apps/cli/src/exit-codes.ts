/** What `danube` exits with, so that scripts can tell the cases apart. Listed in docs/reference/command-line.md. */
export const exitCodes = {
  ok: 0,
  jobFailed: 1,
  usage: 2,
  timedOut: 3,
  notAllowed: 4,
  notFound: 5,
  unreachable: 6,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
