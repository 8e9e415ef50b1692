// From what the file and the environment say to a complete configuration, or to everything that is wrong with them.
import type { z } from "zod";
import { ConfigurationError, type ConfigurationProblem } from "./configuration-error.ts";
import { isSecretKey, type ParsedSections, type SectionName, sectionNames, sections } from "./sections.ts";
import { type ServerConfig, toServerConfig } from "./server-config.ts";
import { type Collector, collectDocument, collectEnvironment, type Environment, type FoundValues } from "./sources.ts";

export interface ServerConfigSources {
  /** The parsed danube.toml, or a `ServerConfigDocument` written in code. Empty if absent. */
  readonly document?: unknown;
  /** What to call it in errors, such as its path. */
  readonly documentSource?: string;
  /** Wins over the document. Only names beginning with `DANUBE_` are looked at. Empty if absent. */
  readonly env?: Environment;
  /** Reads a file that a `…_FILE` names; throws if it cannot. Without it such keys are errors. */
  readonly readFile?: (path: string) => string;
}

/** Pure but for `readFile`. Throws a ConfigurationError with all problems at once. */
export function parseServerConfig(sources: ServerConfigSources): ServerConfig {
  const collector: Collector = {
    found: new Map(),
    problems: [],
    readFile: sources.readFile ?? refuseFiles,
  };
  collectDocument(collector, sources.document ?? {}, sources.documentSource ?? "configuration");
  collectEnvironment(collector, sources.env ?? {});
  const parsed = Object.fromEntries(
    sectionNames.map((name) => [name, parseSection(name, collector.found, collector.problems)]),
  ) as unknown as ParsedSections;
  if (collector.problems.length === 0) checkTogether(parsed, collector);
  if (collector.problems.length > 0) throw new ConfigurationError(collector.problems);
  return toServerConfig(parsed);
}

function parseSection(name: SectionName, found: FoundValues, problems: ConfigurationProblem[]): unknown {
  const prefix = `${name}.`;
  const raw = Object.fromEntries(
    [...found].filter(([key]) => key.startsWith(prefix)).map(([key, { value }]) => [key.slice(prefix.length), value]),
  );
  const result = (sections[name] as z.ZodType).safeParse(raw);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const key = String(issue.path[0]);
    const { value, source } = found.get(prefix + key) ?? { value: undefined, source: "default" };
    const shown = isSecretKey(name, key) || source.includes(", file ") ? {} : { value: JSON.stringify(value) };
    problems.push({ key: prefix + key, ...shown, source, fix: issue.message });
  }
  return undefined;
}

/** What no key can tell alone. */
function checkTogether({ auth, observability }: ParsedSections, { found, problems }: Collector): void {
  if (auth.issuer !== undefined && auth.client_secret === undefined)
    problems.push({
      key: "auth.client_secret",
      source: found.get("auth.issuer")?.source ?? "default",
      fix: "auth.issuer is set, so set this too, best as DANUBE_AUTH_CLIENT_SECRET_FILE",
    });
  if (observability.traces_enabled && observability.otel_endpoint === undefined)
    problems.push({
      key: "observability.otel_endpoint",
      source: found.get("observability.traces_enabled")?.source ?? "default",
      fix: 'traces are enabled, so say where to send them, such as "http://localhost:4318"',
    });
}

function refuseFiles(): never {
  throw new Error("files are not read here");
}
