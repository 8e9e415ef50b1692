import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@danube/kit";
import { afterEach, beforeEach, expect, it } from "vitest";
import { listenOnKeptPort } from "./jobs-port.ts";

let dataDirectory: string;
beforeEach(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), "danube-cli-"));
});
afterEach(() => rmSync(dataDirectory, { recursive: true }));

/** Listens as a control plane of this data directory would, and returns its port and how to end it. */
async function start(): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer();
  const listenJobs = (address: { host: string; port: number }) =>
    new Promise<{ host: string; port: number }>((resolve, reject) => {
      server.once("error", reject);
      server.listen(address, () => {
        server.off("error", reject);
        resolve({ ...address, port: (server.address() as AddressInfo).port });
      });
    });
  await listenOnKeptPort({ listenJobs }, { dataDirectory, logger: silentLogger });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}

it("listens where the process before did", async () => {
  const first = await start();
  await first.close();
  const second = await start();
  await second.close();
  expect(second.port).toBe(first.port);
});

it("takes another port when that one is taken, and keeps the new one", async () => {
  const first = await start();
  const second = await start();
  expect(second.port).not.toBe(first.port);
  await Promise.all([first.close(), second.close()]);
  const third = await start();
  await third.close();
  expect(third.port).toBe(second.port);
});

it("starts on any port when the note is damaged", async () => {
  writeFileSync(join(dataDirectory, "jobs.port"), "nonsense");
  const { port, close } = await start();
  await close();
  expect(port).toBeGreaterThan(0);
});
