export { processesMentioning, processesOfContainer } from "./node-processes.ts";
export { nodeAddress, openTestCluster, type TestCluster, type TestImage } from "./test-cluster.ts";
