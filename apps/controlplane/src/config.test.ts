import { parseServerConfig } from "@danube/kit";
import { expect, test } from "vitest";
import { toControlPlaneConfig } from "./config.ts";

const configOf = (env: Record<string, string>) =>
  toControlPlaneConfig(parseServerConfig({ document: {}, documentSource: "test", env }), {});

test("the local runtime listens on loopback alone, whatever it is told; the other one where it is told", () => {
  const env = { DANUBE_SERVER_RPC_ADDRESS: "0.0.0.0:9000", DANUBE_SERVER_INTERNAL_ADDRESS: "10.0.0.1:9001" };
  expect(configOf({ ...env, DANUBE_RUNTIME_TYPE: "local" })).toMatchObject({
    jobsAddress: { host: "127.0.0.1", port: 9_000 },
    servicesAddress: { host: "127.0.0.1", port: 9_001 },
    allowLocalRepositories: true,
  });
  expect(configOf({ ...env, DANUBE_RUNTIME_TYPE: "kubernetes" })).toMatchObject({
    jobsAddress: { host: "0.0.0.0", port: 9_000 },
    servicesAddress: { host: "10.0.0.1", port: 9_001 },
    allowLocalRepositories: false,
  });
});

test("a port that the system chooses is what Coordinators are told, not the configured one", () => {
  expect(configOf({ DANUBE_SERVER_RPC_ADDRESS: "127.0.0.1:0" }).rpcUrl).toBeUndefined();
  expect(configOf({ DANUBE_SERVER_RPC_ADDRESS: "127.0.0.1:9000" }).rpcUrl).toBe("http://127.0.0.1:9000");
});
