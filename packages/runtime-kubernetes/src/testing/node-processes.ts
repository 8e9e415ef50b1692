// What runs on the node, read from the operating system and not from Kubernetes.
import { readdirSync, readFileSync } from "node:fs";

/** The processes of a container, by the id that Kubernetes reports (`containerd://…`); the oldest, its process 1, first. */
export function processesOfContainer(containerId: string): number[] {
  const id = containerId.replace(/^.*:\/\//, "");
  return findProcesses((pid) => readFileSync(`/proc/${pid}/cgroup`, "latin1").includes(id));
}

/** The processes in whose environment or command line `text` stands. */
export function processesMentioning(text: string): number[] {
  return findProcesses((pid) =>
    ["environ", "cmdline"].some((file) => readFileSync(`/proc/${pid}/${file}`, "latin1").includes(text)),
  );
}

function findProcesses(matches: (pid: number) => boolean): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .sort((a, b) => a - b)
    .filter((pid) => {
      try {
        return matches(pid) && !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
      } catch {
        return false; // gone meanwhile
      }
    });
}
