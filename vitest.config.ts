import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    reporters: process.env["DANUBE_TEST_REPORT"] ? ["default", "json"] : ["default"],
    outputFile: { json: process.env["DANUBE_TEST_REPORT"] ?? "" },
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "apps/*/src/**/*.test.{ts,tsx}", "tools/**/*.test.ts"],
          testTimeout: 30_000,
          setupFiles: ["tools/fast-check-seed.ts"],
        },
      },
      {
        test: {
          name: "e2e",
          include: ["e2e/local/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "cluster",
          include: process.env["DANUBE_TEST_CLUSTER"]
            ? ["e2e/cluster/**/*.test.ts", "packages/runtime-kubernetes/**/*.cluster-test.ts"]
            : [],
          // They stop parts of the cluster and load it for long: to be run by hand, on a machine that does nothing else.
          exclude: process.env["DANUBE_TEST_FAULTS"] ? [] : ["e2e/cluster/{faults,many-jobs}.test.ts"],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
