import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { newId, silentLogger } from "@danube/kit";
import { describe, expect, it } from "vitest";
import { startFixture } from "../child-process.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { openTestDatabase, pushEvent, temporaryDirectory } from "../test-database.ts";
import { openWriter } from "./open-writer.ts";
import { recordTrigger } from "./triggers.ts";

const open = (dataDirectory: string) => openWriter({ dataDirectory, logger: silentLogger, ballastBytes: 4_096 });

/** A closed database with some hundred rows. */
async function makeDatabase(): Promise<{ dataDirectory: string; file: string }> {
  const { writer, dataDirectory } = await openTestDatabase();
  await writer.transaction((transaction) => {
    for (let index = 0; index < 300; index++) {
      recordTrigger(transaction, { id: newId(), deduplicationKey: `${index}`, event: pushEvent() });
    }
  });
  await writer.close();
  return { dataDirectory, file: join(dataDirectory, "danube.db") };
}

/** Overwrites the last two pages with noise: rows that only a check of everything comes upon. */
function damage(file: string): void {
  const bytes = readFileSync(file);
  bytes.fill(0xa5, bytes.length - 8_192);
  writeFileSync(file, bytes);
}

/** What a writer that was killed leaves behind. */
const markUnclean = (dataDirectory: string) => writeFileSync(join(dataDirectory, "writer.json"), "{}");

describe("opening a damaged database", () => {
  it("is refused after an unclean end, naming the newest backup, until it is mended", async () => {
    const { dataDirectory, file } = await makeDatabase();
    const backups = join(dataDirectory, "backups");
    mkdirSync(backups);
    for (const name of ["20260101T000000000Z-schema-1.db", "20260201T000000000Z-schema-1.db"]) {
      copyFileSync(file, join(backups, name));
    }
    damage(file);
    markUnclean(dataDirectory);
    const refused = {
      code: "corrupt",
      message: expect.stringContaining(join(backups, "20260201T000000000Z-schema-1.db")),
    };
    await expect(open(dataDirectory)).rejects.toMatchObject(refused);
    await expect(open(dataDirectory), "the check is not forgotten").rejects.toMatchObject(refused);
    copyFileSync(join(backups, "20260201T000000000Z-schema-1.db"), file);
    await (await open(dataDirectory)).close();
  });

  it("says so when there is no backup", async () => {
    const { dataDirectory, file } = await makeDatabase();
    damage(file);
    markUnclean(dataDirectory);
    await expect(open(dataDirectory)).rejects.toMatchObject({
      code: "corrupt",
      message: expect.stringContaining("There is no automatic backup"),
    });
  });

  it("is refused when the file is cut anywhere, clean or not", async () => {
    const { dataDirectory, file } = await makeDatabase();
    const bytes = readFileSync(file);
    const size = statSync(file).size;
    // Every byte of the last page's end, then every page, then the header's parts.
    const cuts = [
      1,
      2,
      3,
      100,
      4_095,
      4_096,
      4_097,
      3 * 4_096,
      size - 4_096,
      size - 101,
      size - 100,
      size - 99,
      size - 1,
    ];
    for (const cut of cuts) {
      for (const unclean of [false, true]) {
        writeFileSync(file, bytes);
        truncateSync(file, size - cut);
        if (unclean) markUnclean(dataDirectory);
        await expect(open(dataDirectory), `${cut} bytes cut, unclean ${unclean}`).rejects.toMatchObject({
          code: "corrupt",
        });
      }
    }
    writeFileSync(file, bytes);
    await (await open(dataDirectory)).close();
  });

  it("is refused when the file is something else", async () => {
    const dataDirectory = temporaryDirectory();
    writeFileSync(join(dataDirectory, "danube.db"), "x".repeat(4_096));
    await expect(open(dataDirectory)).rejects.toMatchObject({ code: "corrupt" });
    expect(readdirSync(dataDirectory)).not.toContain("writer.json");
  });

  it("goes by what the log holds whole when its tail is torn", async () => {
    const { writer, dataDirectory } = await openTestDatabase();
    for (let index = 0; index < 40; index++) {
      await writer.transaction((transaction) =>
        recordTrigger(transaction, { id: newId(), deduplicationKey: `${index}`, event: pushEvent() }),
      );
    }
    // The files as they are now are what a kill would leave.
    const whole = readFileSync(join(dataDirectory, "danube.db-wal"));
    const database = readFileSync(join(dataDirectory, "danube.db"));
    const counts: number[] = [];
    for (let cut = 0; cut < whole.length; cut += 1 + Math.floor(whole.length / 40)) {
      const copy = temporaryDirectory();
      writeFileSync(join(copy, "danube.db"), database);
      writeFileSync(join(copy, "danube.db-wal"), whole.subarray(0, whole.length - cut));
      markUnclean(copy);
      const writer = await open(copy);
      counts.push(
        writer.read((transaction) => transaction.all(sqlBuilder.selectFrom("triggers").select("id").compile())).length,
      );
      await writer.close();
    }
    expect(counts[0]).toBe(40);
    expect(new Set(counts).size, "cuts in the middle of commits").toBeGreaterThan(10);
    expect(counts, "the shorter the log, the fewer the rows").toEqual(counts.toSorted((a, b) => b - a));
  });
});

describe("the sign of an unclean end", () => {
  it("is there while the writer is open and after it was killed, and not after it closed", async () => {
    const dataDirectory = temporaryDirectory();
    const sign = join(dataDirectory, "writer.json");
    const fixture = startFixture("hold-writer", dataDirectory);
    await fixture.nextLine();
    expect(existsSync(sign)).toBe(true);
    await fixture.kill();
    expect(existsSync(sign)).toBe(true);
    const lines: string[] = [];
    const logger = { ...silentLogger, info: (message: string) => lines.push(message) };
    for (const expected of [1, 1]) {
      const writer = await openWriter({ dataDirectory, logger, ballastBytes: 4_096 });
      expect(lines.filter((line) => line.includes("checked"))).toHaveLength(expected);
      await writer.close();
    }
    expect(existsSync(sign)).toBe(false);
  });
});
