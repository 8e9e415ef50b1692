import { defineConfig } from "rolldown";
import { bundleService } from "../../tools/bundle-service.ts";

export default defineConfig(bundleService({ directory: import.meta.dirname, database: true }));
