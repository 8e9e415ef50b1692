// What a measurement is, and the small statistics that they share.

export interface Measurement {
  /** As in the table of promises: P1 to P9. */
  readonly id: string;
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  /** The same work with nothing of ours in between, measured in the same run. */
  readonly floor: string;
  readonly met: boolean;
  /** Every number behind the words, for machines. */
  readonly numbers: Readonly<Record<string, number>>;
}

export type Measure = (note: (text: string) => void) => Promise<Measurement[]>;

/** The value below which `share` (0 to 1) of the values lie; nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

export const ms = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;

/** The resident memory of a process in MiB. Linux only. */
export async function residentMiB(processId: number): Promise<number> {
  const { readFile } = await import("node:fs/promises");
  const status = await readFile(`/proc/${processId}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}

/** Watches a process' resident memory until `stop`, which tells the highest value seen, in MiB. */
export function watchResidentMiB(processId: number): { stop(): number } {
  let peak = 0;
  const look = async (): Promise<void> => {
    const now = await residentMiB(processId).catch(() => 0); // the process may be gone
    peak = Math.max(peak, now);
  };
  const timer = setInterval(() => void look(), 50);
  return {
    stop() {
      clearInterval(timer);
      return peak;
    },
  };
}
