// Blueprint documents for the tests.
import { createGitRepository, type GitRepository } from "./git-repository.ts";

/** A Blueprint repository with one pipeline for each entry: its name and whatever its spec needs beside the repository. */
export function createBlueprint(
  pipelines: Readonly<Record<string, { repository: string } & Record<string, unknown>>>,
  config: object = {},
  parent?: string,
): GitRepository {
  const repository = createGitRepository("blueprint", parent);
  repository.push(blueprintFiles(pipelines, config), "blueprint");
  return repository;
}

export function blueprintFiles(
  pipelines: Readonly<Record<string, Record<string, unknown>>>,
  config: object = {},
): Record<string, string> {
  const document = (kind: string, metadata: object, spec: object) => ({
    apiVersion: "danube.dev/v1",
    kind,
    metadata,
    spec,
  });
  const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  return {
    "config.json": text(document("Config", { name: "config" }, config)),
    "users.json": text([]),
    "teams.json": text([]),
    ...Object.fromEntries(
      Object.entries(pipelines).map(([name, spec]) => [
        `pipelines/${name}.json`,
        text(document("Pipeline", { name }, spec)),
      ]),
    ),
  };
}
