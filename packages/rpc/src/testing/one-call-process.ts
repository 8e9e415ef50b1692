// A program that makes one call and does not close its client. For the test that such a process ends by itself.
import { createTestClient } from "./test-service.ts";

const client = createTestClient(process.argv[2] as string, { keepsProcessAlive: false });
process.stdout.write((await client.echo({ value: "said" })).value);
