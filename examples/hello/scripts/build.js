import { mkdirSync, writeFileSync } from "node:fs";
import { greet } from "../src/greet.js";

mkdirSync("dist", { recursive: true });
writeFileSync("dist/index.html", `<!doctype html><title>Hello</title><h1>${greet("Danube")}</h1>\n`);
console.log("built dist/index.html");
