import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadServerConfig } from "./load-server-config.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "danube-kit-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe("loading the server configuration", () => {
  it("reads TOML and the files it and the environment name", () => {
    const secret = file("secret", "s3cret\n");
    const config = loadServerConfig({
      file: file(
        "danube.toml",
        `[server]\ndata_dir = "/data"\n[webhooks]\ngithub_secret_file = ${JSON.stringify(secret)}\n`,
      ),
      env: { DANUBE_SERVER_INTERNAL_TOKEN_FILE: secret },
    });
    expect(config.server.dataDirectory).toBe("/data");
    expect(config.webhooks.githubSecret).toBe("s3cret");
    expect(config.server.internalToken).toBe("s3cret");
  });

  it("names file, line and column of what is not TOML, and quotes nothing of it", () => {
    const path = file("danube.toml", '[webhooks]\ngithub_secret = "hunter2\n');
    expect(() => loadServerConfig({ file: path, env: {} })).toThrow(
      /danube\.toml \(line 2, column \d+\): this is not valid TOML/,
    );
    expect(() => loadServerConfig({ file: path, env: {} })).not.toThrow(/hunter2/);
  });

  it("insists on a file that was asked for", () => {
    expect(() => loadServerConfig({ file: join(directory, "absent.toml"), env: {} })).toThrow(
      /absent\.toml.*cannot be read/,
    );
  });
});
