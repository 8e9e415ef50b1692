// A linter of one rule, so that the example needs no dependency: no trailing white space.
import { readdirSync, readFileSync } from "node:fs";

let complaints = 0;
for (const folder of ["src", "test", "scripts"]) {
  for (const name of readdirSync(folder)) {
    const lines = readFileSync(`${folder}/${name}`, "utf8").split("\n");
    for (const [index, line] of lines.entries()) {
      if (!/\s$/.test(line)) continue;
      console.log(`${folder}/${name}:${index + 1}: trailing white space`);
      complaints += 1;
    }
  }
}
console.log(complaints === 0 ? "lint: nothing to complain about" : `lint: ${complaints} complaints`);
process.exitCode = complaints === 0 ? 0 : 1;
