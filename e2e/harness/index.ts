export { blueprintFiles, createBlueprint } from "./blueprint.ts";
export { type RunningProcess, startProcess } from "./child-process.ts";
export { createDanubeApi, type DanubeApi } from "./danube-api.ts";
export { type DanubeUp, danubeCommand, startDanubeUp, webhookSecret } from "./danube-up.ts";
export { createGitRepository, type GitRepository } from "./git-repository.ts";
export { processesOfJob } from "./job-processes.ts";
export { type Delivery, deliver, githubPush, signGithub } from "./webhook.ts";
