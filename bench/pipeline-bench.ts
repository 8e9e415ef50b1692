// A Danube with pipelines made for measuring: each pipeline is a script in a repository of its own.
import {
  createBlueprint,
  createGitRepository,
  type DanubeUp,
  deliver,
  type GitRepository,
  githubPush,
  startDanubeUp,
  webhookSecret,
} from "@danube/e2e/harness";
import type { Job } from "@danube/protocol";

export interface PipelineBench {
  readonly danube: DanubeUp;
  readonly repositories: Readonly<Record<string, GitRepository>>;
  /** Commits, delivers the push, and resolves to the job's end. `acceptedAt` is the wall clock when the answer was there, in ms. */
  runOnce(pipeline: string): Promise<{ readonly job: Job; readonly acceptedAt: number }>;
}

export async function startPipelineBench(
  scripts: Readonly<Record<string, string>>,
  options: {
    readonly spec?: Readonly<Record<string, unknown>>;
    readonly config?: object;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<PipelineBench> {
  const repositories = Object.fromEntries(
    Object.entries(scripts).map(([name, script]) => {
      const repository = createGitRepository(name);
      repository.push({ "danubefile.ts": script });
      return [name, repository];
    }),
  );
  const specs = Object.entries(repositories).map(
    ([name, { url }]) => [name, { repository: url, ...options.spec }] as const,
  );
  const blueprintUrl = createBlueprint(Object.fromEntries(specs), options.config).url;
  const danube = await startDanubeUp({ blueprintUrl, ...(options.env === undefined ? {} : { env: options.env }) });
  const seen = new Set<string>();
  return {
    danube,
    repositories,
    async runOnce(pipeline) {
      const repository = repositories[pipeline] as GitRepository;
      const sha = repository.push({ "count.txt": String(seen.size) });
      const { status } = await deliver(danube.url, githubPush(repository, webhookSecret));
      const acceptedAt = performance.timeOrigin + performance.now();
      if (status !== 202) throw new Error(`the webhook was answered with ${status}`);
      const job = await danube.api.jobWhere(
        (candidate) => candidate.trigger.commitSha === sha && candidate.finishedAt !== undefined,
      );
      seen.add(job.id);
      if (job.status !== "success") throw new Error(`${pipeline} ended as ${job.status}: ${job.message}`);
      return { job, acceptedAt };
    },
  };
}
