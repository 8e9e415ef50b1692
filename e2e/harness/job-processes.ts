// Which processes of a job are alive, read from the operating system and not from Danube.
import { readdirSync, readFileSync } from "node:fs";

/** The ids of all processes on this machine that belong to the job, whoever their parent is. Linux only. */
export function processesOfJob(jobId: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, "latin1").includes(`DANUBE_SANDBOX=${jobId}`) && !isZombie(pid);
      } catch {
        return false; // gone meanwhile, or not ours to read
      }
    })
    .map(Number);
}

function isZombie(pid: string): boolean {
  return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}
