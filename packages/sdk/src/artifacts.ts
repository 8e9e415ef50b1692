/** An artifact that is stored: whole, and its digest checked. */
export interface Artifact {
  readonly id: string;
  readonly name: string;
  readonly fileName: string;
  readonly sizeBytes: number;
  /** SHA-256 of the stored file, in hexadecimal. */
  readonly sha256: string;
}

export interface UploadOptions {
  /**
   * The artifact's name: 1 to 100 letters, digits, dots, dashes or underscores. By default the last part of the path, when
   * there is one path.
   */
  readonly name?: string;
}

export interface DownloadOptions {
  /** The directory to put it in, relative to the workspace; made if it is missing. By default the workspace itself. */
  readonly to?: string;
}

/** Files that outlive the job. */
export interface Artifacts {
  /**
   * Stores a file, or an archive (`.tar.gz`) of a directory or of several paths. Paths are relative to the workspace and may
   * be globs (`*`, `**`). An archive of one directory holds what is in it; an archive of several paths holds them with their
   * paths from the workspace. Modes and symbolic links are kept.
   *
   * Rejects when a path matches nothing, and when the name is taken in this job.
   */
  upload(paths: string | readonly string[], options?: UploadOptions): Promise<Artifact>;
  /**
   * Fetches an artifact that this job has stored: a file under its own name, an archive unpacked. Nothing is put in place
   * unless the whole artifact arrived with the right digest.
   */
  download(name: string, options?: DownloadOptions): Promise<Artifact>;
}
