import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@danube/kit";
import { describe, expect, it } from "vitest";
import { startFixture } from "../child-process.ts";
import { openTestDatabase, temporaryDirectory } from "../test-database.ts";
import { openWriter } from "./open-writer.ts";

const open = (dataDirectory: string) => openWriter({ dataDirectory, logger: silentLogger, ballastBytes: 4_096 });

describe("the writer's lock", () => {
  it("refuses a second writer, naming the first one in another process, and is free once that was killed", async () => {
    const dataDirectory = temporaryDirectory();
    const first = startFixture("hold-writer", dataDirectory);
    expect(await first.nextLine()).toBe("open");
    await expect(open(dataDirectory)).rejects.toMatchObject({
      code: "data_locked",
      message: expect.stringContaining(`process ${first.pid} on ${hostname()}, since 20`),
    });
    await first.kill();
    const second = await open(dataDirectory);
    expect(JSON.parse(readFileSync(join(dataDirectory, "writer.json"), "utf8"))).toMatchObject({ pid: process.pid });
    await second.close();
  });

  it("refuses a second writer in the same process, and is free once the first has closed", async () => {
    const { dataDirectory, writer } = await openTestDatabase();
    await expect(open(dataDirectory)).rejects.toMatchObject({ code: "data_locked" });
    await writer.close();
    await (await open(dataDirectory)).close();
  });

  it("refuses a process that comes while one in a third place already was refused", async () => {
    const { dataDirectory, writer } = await openTestDatabase();
    await expect(open(dataDirectory)).rejects.toMatchObject({ code: "data_locked" });
    const other = startFixture("hold-writer", dataDirectory);
    expect(await other.nextLine(), "a refusal here must not have given the lock up").toBe("data_locked");
    await writer.close();
  });

  it("does not believe what the holder's file says: the process it names may be any other by now", async () => {
    const dataDirectory = temporaryDirectory();
    const file = join(dataDirectory, "writer.json");
    writeFileSync(file, JSON.stringify({ pid: process.pid, host: hostname(), since: "2026-01-01T00:00:00.000Z" }));
    const writer = await open(dataDirectory);
    await writer.close();
    expect(existsSync(file)).toBe(false);
  });

  it("refuses a second writer even if the holder's file is gone or unreadable", async () => {
    const { dataDirectory } = await openTestDatabase();
    writeFileSync(join(dataDirectory, "writer.json"), "{");
    await expect(open(dataDirectory)).rejects.toMatchObject({
      code: "data_locked",
      message: expect.stringContaining("in use by another control plane;"),
    });
  });
});
