// `secrets` and `artifacts` as the pipeline function gets them.
import { ResourceName, SecretName } from "@danube/protocol";
import type { Artifact, Artifacts } from "../artifacts.ts";
import type { Secrets } from "../secrets.ts";
import { PlacedError } from "./placed-error.ts";
import { checkDirectory, checkKeys } from "./run-options.ts";
import type { RunScope } from "./run-scope.ts";

export function createSecrets(scope: RunScope): Secrets {
  return Object.freeze({
    async get(name: string) {
      const checked = SecretName.safeParse(name);
      if (!checked.success) throw new TypeError(`${JSON.stringify(name)}: ${checked.error.issues[0]?.message}.`);
      scope.throwIfEnded();
      return await scope.executor.getSecret(checked.data);
    },
  });
}

export function createArtifacts(scope: RunScope): Artifacts {
  const upload: Artifacts["upload"] = (given, options) => {
    const paths = (typeof given === "string" ? [given] : given) as readonly unknown[];
    if (!Array.isArray(given) && typeof given !== "string") throw new TypeError("artifacts.upload takes paths.");
    for (const path of paths) {
      if (typeof path !== "string" || path === "" || path.includes("\0"))
        throw new TypeError(`artifacts.upload takes paths, and ${JSON.stringify(path)} is none.`);
    }
    if (paths.length === 0) throw new TypeError("artifacts.upload was given no path.");
    const name = checkName(checkKeys("artifacts.upload", options, ["name"]).name ?? lastPart(paths as string[]));
    return transfer(scope, `artifacts.upload of "${name}"`, upload, () =>
      scope.executor.uploadArtifact({ name, paths: paths as string[] }),
    );
  };
  const download: Artifacts["download"] = (name, options) => {
    const checked = checkName(name);
    const { to = "." } = checkKeys("artifacts.download", options, ["to"]);
    const directory = checkDirectory("to", to, scope.workspace);
    return transfer(scope, `artifacts.download of "${checked}"`, download, () =>
      scope.executor.downloadArtifact({ name: checked, to: directory }),
    );
  };
  return Object.freeze({ upload, download });
}

function transfer(
  scope: RunScope,
  what: string,
  callee: (...args: never[]) => unknown,
  work: () => Promise<Artifact>,
): Promise<Artifact> {
  const location = scope.locator.ofCaller(callee);
  return scope.activities.track(what, location, async () => {
    scope.throwIfEnded();
    try {
      return await work();
    } catch (error) {
      throw new PlacedError(what, location, error);
    }
  });
}

function lastPart(paths: readonly string[]): string {
  const [path] = paths;
  if (paths.length > 1 || path === undefined) throw new TypeError("artifacts.upload of several paths needs a name.");
  return path.replace(/\/+$/, "").split("/").at(-1) as string;
}

function checkName(name: unknown): string {
  const checked = ResourceName.safeParse(name);
  if (checked.success) return checked.data;
  throw new TypeError(`${JSON.stringify(name)} cannot name an artifact: ${checked.error.issues[0]?.message}.`);
}
