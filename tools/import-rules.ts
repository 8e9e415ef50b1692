// Who may import whom: the arrows of docs/architecture.md as data.

export interface RoomRule {
  /** The packages of ours that this room may import, by name without the scope; an entry may name a subpath. */
  readonly may: readonly string[];
  /** Imports that only the named files of the room may make, relative to the room's folder. */
  readonly only?: Readonly<Record<string, readonly string[]>>;
  /** What its tests may import beyond that; a test may always import what its room may. */
  readonly testsMay?: readonly string[];
}

const runtimeDrivers = ["runtime-local", "runtime-kubernetes"] as const;

export const importRules: Readonly<Record<string, RoomRule>> = {
  "packages/protocol": { may: [] },
  "packages/kit": { may: [] },
  "packages/rpc": { may: ["protocol", "kit"] },
  "packages/db": { may: ["protocol", "kit"] },
  "packages/logs": { may: ["protocol", "kit"] },
  "packages/runtime": { may: ["protocol", "kit"] },
  "packages/runtime-local": { may: ["protocol", "kit", "runtime"], testsMay: ["runtime/testing"] },
  "packages/runtime-kubernetes": { may: ["protocol", "kit", "runtime"], testsMay: ["runtime/testing"] },
  "packages/blueprint": { may: ["protocol", "kit"] },
  "packages/sdk": { may: ["protocol"] },
  "apps/api": { may: ["protocol", "rpc", "db/read", "logs", "kit"], testsMay: ["db/write", "rpc/testing"] },
  "apps/scheduler": { may: ["protocol", "rpc", "blueprint", "kit"], testsMay: ["db/read", "db/write", "rpc/testing"] },
  "apps/controlplane": {
    may: ["protocol", "rpc", "db/read", "db/write", "logs", "runtime", "blueprint", "kit"],
    only: Object.fromEntries(runtimeDrivers.map((driver) => [driver, ["src/driver-composition.ts"]])),
    testsMay: ["runtime/testing", "rpc/testing", ...runtimeDrivers],
  },
  "apps/coordinator": { may: ["protocol", "rpc", "sdk", "sdk/host", "kit"], testsMay: ["rpc/testing", "sdk/testing"] },
  "apps/web": { may: ["protocol"] },
  // Composes the services in one process through their public createApp, so it alone may import apps.
  "apps/cli": {
    may: ["protocol", "kit", "rpc", "logs", "blueprint", "sdk", "api", "scheduler", "controlplane", "coordinator"],
    testsMay: ["rpc/testing"],
  },
  // Tests and measurements from outside: they may look at everything that is public.
  e2e: {
    may: [
      "protocol",
      "kit",
      "rpc",
      "rpc/testing",
      "logs",
      "db/read",
      "sdk",
      "runtime-kubernetes",
      "runtime-kubernetes/testing",
    ],
  },
  bench: { may: ["protocol", "e2e/harness"] },
  tools: { may: [] },
  examples: { may: ["sdk", "sdk/testing"] },
};
