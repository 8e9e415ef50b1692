import { createRequire } from "node:module";

/** Every example payload that GitHub's octokit project has collected, with the name of its event. */
export function githubExamples(): { readonly name: string; readonly payload: unknown }[] {
  const load = createRequire(import.meta.url);
  const definitions = load("@octokit/webhooks-examples") as { name: string; examples: unknown[] }[];
  return definitions.flatMap(({ name, examples }) => examples.map((payload) => ({ name, payload })));
}
