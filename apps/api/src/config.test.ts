import { describe, expect, test } from "vitest";
import { loadConfig } from "./config.ts";

const bound = (type: string, address: string) =>
  loadConfig([], { DANUBE_RUNTIME_TYPE: type, DANUBE_SERVER_BIND_ADDRESS: address }).bindAddress;

describe("loadConfig", () => {
  test.each([
    ["0.0.0.0:8080", "127.0.0.1"],
    ["[::]:8080", "127.0.0.1"],
    ["192.0.2.7:8080", "127.0.0.1"],
    ["127.example.com:8080", "127.0.0.1"],
    ["127.0.0.9:8080", "127.0.0.9"],
    ["[::1]:8080", "::1"],
    ["localhost:8080", "localhost"],
  ])("with the local runtime, %s is bound to %s", (address, host) => {
    expect(bound("local", address)).toEqual({ host, port: 8080 });
  });

  test("with Kubernetes it is bound where the operator says", () => {
    expect(bound("kubernetes", "0.0.0.0:8080")).toEqual({ host: "0.0.0.0", port: 8080 });
  });
});
