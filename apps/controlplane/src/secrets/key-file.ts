// Files that hold a key or a credential: made once with 32 random bytes, readable by their owner alone, durable before use.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, mkdir, open, rm } from "node:fs/promises";
import path from "node:path";
import { DanubeError } from "@danube/protocol";

const bytesOfKey = 32;
const groupAndWorld = 0o077;

/** Reads the key in `file`, or undefined when there is no such file. Refuses one that others may read, or that is damaged. */
export async function readKeyFile(file: string): Promise<Buffer | undefined> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new DanubeError("corrupt", `The key file ${file} cannot be opened: ${error.message}.`, { cause: error });
  });
  if (handle === undefined) return undefined;
  try {
    const { mode } = await handle.stat();
    if ((mode & groupAndWorld) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, "0");
      throw new DanubeError(
        "corrupt",
        `The key file ${file} may be used by others (mode ${shown}): run "chmod 600 ${file}", and consider its key known.`,
      );
    }
    const text = (await handle.readFile("utf8")).trim();
    const key = Buffer.from(text, "base64url");
    if (key.length !== bytesOfKey || key.toString("base64url") !== text) {
      throw new DanubeError(
        "corrupt",
        `The key file ${file} is damaged: it must hold ${bytesOfKey} bytes in base64url.`,
      );
    }
    return key;
  } finally {
    await handle.close();
  }
}

/** Makes `file` with a new key, mode 0600. When it returns, the file survives a power cut. Fails if it exists. */
export async function createKeyFile(file: string): Promise<Buffer> {
  const directory = path.dirname(file);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const key = randomBytes(bytesOfKey);
  const temporary = `${file}.${randomBytes(6).toString("hex")}.new`;
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(`${key.toString("base64url")}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link, unlike a rename, does not replace a key that somebody else has put there meanwhile.
    await link(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
  const parent = await open(directory, "r");
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
  return key;
}

/** The key in `file`, which is made if there is none. */
export async function ensureKeyFile(file: string): Promise<Buffer> {
  return (await readKeyFile(file)) ?? (await createKeyFile(file));
}
