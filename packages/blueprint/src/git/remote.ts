/** What both kinds of remote repository need. */
export interface RemoteRequest {
  readonly url: string;
  /** The address as messages may show it: without credentials. */
  readonly shownUrl: string;
  readonly branch: string;
  readonly signal: AbortSignal;
}

/** A repository elsewhere. Both methods throw DanubeErrors that say what an operator can do. */
export interface Remote {
  /** The commit at the tip of the branch, asked for without fetching anything. Throws `not_found`. */
  findTip(): Promise<string>;
  /** Fetches that commit alone, into the bare repository `gitdir`, which it makes. Resolves to its id. */
  fetchTip(gitdir: string): Promise<string>;
}
