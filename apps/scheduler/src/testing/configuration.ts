import { BlueprintConfiguration } from "@danube/protocol";
import type { Configuration } from "../configuration.ts";

const apiVersion = "danube.dev/v1";

/** A Blueprint with these pipelines, by name, as `applyBlueprint` takes it. Each has the repository `https://git.test/acme/<name>` unless it says otherwise. */
export function blueprintOf(pipelines: Readonly<Record<string, object>>, maxJobs = 50): BlueprintConfiguration {
  return BlueprintConfiguration.parse({
    config: { apiVersion, kind: "Config", spec: { concurrency: { max_jobs: maxJobs } } },
    users: [],
    teams: [],
    pipelines: Object.entries(pipelines).map(([name, spec]) => ({
      apiVersion,
      kind: "Pipeline",
      metadata: { name },
      spec: { repository: `https://git.test/acme/${name}`, ...spec },
    })),
  });
}

/** The same, as a writer tells it that has applied it; a pipeline's id is `id-<name>`. */
export function configurationOf(pipelines: Readonly<Record<string, object>>, maxJobs = 50): Configuration {
  const blueprint = blueprintOf(pipelines, maxJobs);
  return {
    commitSha: undefined,
    config: blueprint.config.spec,
    pipelines: blueprint.pipelines.map((document) => ({
      id: `id-${document.metadata.name}`,
      name: document.metadata.name,
      document,
    })),
  };
}
