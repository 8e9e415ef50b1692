import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { localServerFile, resolveConnection } from "./connection.ts";
import { exitCodes } from "./exit-codes.ts";

let home: string;
let tokenFile: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "danube-cli-"));
  tokenFile = join(home, "token");
  writeFileSync(tokenFile, "from-file\n", { mode: 0o600 });
});

describe("resolveConnection", () => {
  it("takes the flag before the environment before the local server", () => {
    const file = localServerFile({ HOME: home });
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify({ url: "http://127.0.0.1:1", tokenFile, processId: process.pid }));
    expect(resolveConnection({}, { HOME: home })).toEqual({ url: "http://127.0.0.1:1", token: "from-file" });
    expect(resolveConnection({}, { HOME: home, DANUBE_URL: "http://b/", DANUBE_TOKEN: "t" })).toEqual({
      url: "http://b",
      token: "t",
    });
    expect(resolveConnection({ url: "http://c", tokenFile }, { DANUBE_URL: "http://b" })).toEqual({
      url: "http://c",
      token: "from-file",
    });
  });

  it("sends nothing to the port of a local server that is dead", () => {
    const file = localServerFile({ HOME: home });
    mkdirSync(dirname(file), { recursive: true });
    const { pid: processId } = spawnSync("true");
    writeFileSync(file, JSON.stringify({ url: "http://127.0.0.1:1", tokenFile, processId }));
    expect(() => resolveConnection({}, { HOME: home })).toThrowError(
      expect.objectContaining({ exitCode: exitCodes.unreachable }),
    );
  });

  it("says how to get a server when none is known", () => {
    expect(() => resolveConnection({}, { HOME: home })).toThrowError(
      expect.objectContaining({ exitCode: exitCodes.unreachable, message: expect.stringContaining("danube up") }),
    );
  });

  it("refuses a token file that others can read, and names it", () => {
    chmodSync(tokenFile, 0o644);
    expect(() => resolveConnection({ url: "http://a", tokenFile }, {})).toThrowError(
      expect.objectContaining({ exitCode: exitCodes.notAllowed, message: expect.stringContaining(tokenFile) }),
    );
  });
});
