#!/usr/bin/env node
// The `danube` command.
import * as nodeModule from "node:module";

const leastNode = 24;
if (Number(process.versions.node.split(".")[0]) < leastNode) {
  process.stderr.write(`danube: Node.js ${leastNode} or later is needed; this is ${process.versions.node}.\n`);
  process.exitCode = 2;
} else {
  // Old versions lack it: a named import would fail before anything could be said.
  nodeModule.enableCompileCache();
  const { runProgram } = await import("./program.ts");
  process.exitCode = await runProgram(process.argv.slice(2), process);
}
