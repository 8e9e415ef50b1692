// sandbox.json: how a driver tells a Coordinator where it is and whose it is. Its path is the Coordinator's only argument.
//
//   1. The driver starts the Coordinator with the path. For a prepared Coordinator the file is not there yet: the
//      Coordinator then waits for it (fs.watch on the file's directory, which exists).
//   2. The driver writes the file under another name, mode 0600, and renames it: what can be opened is complete.
//   3. The Coordinator reads it once and may delete it.
import { z } from "zod";
import { Id } from "./id.ts";

/** The file's name within its directory. */
export const sandboxFileName = "sandbox.json";

export const SandboxFile = z.object({
  jobId: Id,
  /** The job's bearer token for `rpcUrl`. Secret: never in arguments, environments or logs. */
  token: z.string().min(1),
  /** Where the control plane listens for Coordinators, such as `http://127.0.0.1:9000`. */
  rpcUrl: z.url(),
  /** Absolute path of the directory that all commands share; empty before the checkout unless `workspaceIsShared`. */
  workspace: z.string().min(1),
  /** Absolute path of the directory that holds one directory for each step (see step-files.ts). Outside the workspace. */
  runDirectory: z.string().min(1),
  /** Absolute path of a directory for the Coordinator's own passing files; it vanishes with the sandbox. */
  temporaryDirectory: z.string().min(1),
  /** `danube run`: the workspace is the author's own directory. Nothing is checked out, and nothing in it is cleaned up. */
  workspaceIsShared: z.boolean().default(false),
});
export type SandboxFile = z.infer<typeof SandboxFile>;
