import { readFileSync } from "node:fs";
import { parse, TomlError } from "smol-toml";
import { ConfigurationError } from "./configuration-error.ts";
import { parseServerConfig } from "./parse-server-config.ts";
import type { ServerConfig } from "./server-config.ts";
import type { Environment } from "./sources.ts";

export const defaultConfigFile = "/etc/danube/danube.toml";

export interface LoadServerConfigOptions {
  /** The TOML file; it must exist then. Absent: `/etc/danube/danube.toml` if there is one. */
  readonly file?: string;
  /** The process' environment; it wins over the file. */
  readonly env: Environment;
}

/** Reads the file, the environment and the files they name. Throws a ConfigurationError with everything that is wrong. */
export function loadServerConfig({ file, env }: LoadServerConfigOptions): ServerConfig {
  const path = file ?? defaultConfigFile;
  const readFile = (name: string) => readFileSync(name, "utf8");
  return parseServerConfig({ document: readDocument(path, file !== undefined), documentSource: path, env, readFile });
}

function readDocument(path: string, mustExist: boolean): unknown {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (!mustExist && error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    if (error instanceof TomlError) {
      const place = `line ${error.line}, column ${error.column}`;
      throw new ConfigurationError([
        { key: path, source: place, fix: `this is not valid TOML: ${error.message.split("\n")[0]}` },
      ]);
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError([{ key: path, source: "configuration file", fix: `it cannot be read: ${why}` }]);
  }
}
