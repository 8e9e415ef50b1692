import type { Queries } from "@danube/protocol";

/** The applied configuration, as the writer tells it. */
export type Configuration = Awaited<ReturnType<Queries["getConfiguration"]>>;

/** A pipeline in it. */
export type Pipeline = Configuration["pipelines"][number];
