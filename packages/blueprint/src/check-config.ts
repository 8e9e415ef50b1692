// What config.json must fulfil beyond its schema.
import type { ConfigDocument } from "@danube/protocol";
import { showValue } from "./blueprint-error.ts";
import type { Report } from "./report.ts";

const neededKeys = {
  github_app: ["app_id", "private_key_secret"],
  gitlab_token: ["token_secret"],
  ssh_key: ["private_key_secret"],
  https_token: ["token_secret"],
} as const;

/** Reports what is wrong with `document`, the content of `file`. */
export function checkConfig(file: string, document: ConfigDocument, report: Report): void {
  const first = new Map<string, number>();
  for (const [place, entry] of document.spec.git_authentication.entries()) {
    const pointer = `/spec/git_authentication/${place}`;
    for (const key of neededKeys[entry.type])
      if (entry[key] === undefined)
        report(file, pointer, `${showValue(entry.type)} needs the key ${showValue(key)}, which is missing`);
    const earlier = first.get(entry.name);
    if (earlier === undefined) first.set(entry.name, place);
    else
      report(
        file,
        `${pointer}/name`,
        `the name ${showValue(entry.name)} is taken by /spec/git_authentication/${earlier}; choose another`,
      );
  }
}
