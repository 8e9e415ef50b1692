// Quantities that Kubernetes would take and nobody means: CPU in mebibytes, memory in thousandths of a byte.
import type { WorkerSpec } from "@danube/protocol";
import { showValue } from "./blueprint-error.ts";

const factors: Readonly<Record<string, number>> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};
const leastMemoryBytes = 2 ** 20;

/** Reports what is wrong with the `resources` of the worker at `pointer`. */
export function checkResources(
  worker: WorkerSpec,
  pointer: string,
  at: (pointer: string, message: string) => void,
): void {
  const { requests, limits } = worker.resources ?? {};
  for (const [kind, amounts] of [
    ["requests", requests],
    ["limits", limits],
  ] as const) {
    const place = `${pointer}/resources/${kind}`;
    const { cpu, memory } = amounts ?? {};
    if (cpu !== undefined && !/^[\d.]+m?$/.test(cpu))
      at(
        `${place}/cpu`,
        `${showValue(cpu)} is not an amount of CPU; write cores such as "2", or thousandths such as "500m"`,
      );
    else if (cpu !== undefined && amountOf(cpu) === 0) at(`${place}/cpu`, `${showValue(cpu)} is no CPU at all`);
    if (memory !== undefined && amountOf(memory) < leastMemoryBytes)
      at(
        `${place}/memory`,
        `${showValue(memory)} is less than a mebibyte; did you mean ${showValue(`${Number.parseFloat(memory)}Mi`)}?`,
      );
  }
  for (const kind of ["cpu", "memory"] as const) {
    const [request, limit] = [requests?.[kind], limits?.[kind]];
    if (request !== undefined && limit !== undefined && amountOf(request) > amountOf(limit))
      at(
        `${pointer}/resources/requests/${kind}`,
        `${showValue(request)} is more than the limit, which is ${showValue(limit)}`,
      );
  }
}

/** A quantity as a number: cores or bytes. Source: Kubernetes API reference, "Quantity". */
function amountOf(quantity: string): number {
  const [, digits = "", unit = ""] = /^([\d.]+)([A-Za-z]*)$/.exec(quantity) ?? [];
  return Number(digits) * (factors[unit] ?? Number.NaN);
}
