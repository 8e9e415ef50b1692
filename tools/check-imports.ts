// `pnpm run imports`: holds the arrows of docs/architecture.md.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { findForbiddenImports } from "./import-check.ts";
import { importRules } from "./import-rules.ts";

const listed = execFileSync(
  "git",
  ["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "*.ts", "*.tsx"],
  { encoding: "utf8" },
);
const paths = listed.split("\0").filter((path) => path.includes("/"));
const files = paths.flatMap((path) => {
  try {
    return [{ path, text: readFileSync(path, "utf8") }];
  } catch {
    return []; // deleted in the working tree and not yet in the index
  }
});
const complaints = findForbiddenImports(files, importRules);
for (const complaint of complaints) console.error(complaint);
console.error(`imports: ${files.length} files, ${complaints.length} forbidden imports`);
process.exitCode = complaints.length === 0 ? 0 : 1;
