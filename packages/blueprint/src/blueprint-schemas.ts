// The JSON Schemas of a Blueprint's files, made from the zod schemas of protocol: editors use them, and ajv checks with them.
import { ConfigDocument, PipelineDocument, TeamDocument, UserDocument } from "@danube/protocol";
import { z } from "zod";

/** A JSON Schema (draft 2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

export type BlueprintFileKind = "config" | "users" | "teams" | "pipeline";

const zodSchemas = {
  config: ConfigDocument,
  users: z.array(UserDocument),
  teams: z.array(TeamDocument),
  pipeline: PipelineDocument,
} as const satisfies Record<BlueprintFileKind, z.ZodType>;

const titles: Record<BlueprintFileKind, string> = {
  config: "Danube Blueprint: config.json",
  users: "Danube Blueprint: users.json",
  teams: "Danube Blueprint: teams.json",
  pipeline: "Danube Blueprint: pipelines/<name>.json",
};

/** The published schema of each kind of file, of what an author writes: whatever has a default may be left out. */
export function blueprintSchemas(): Record<BlueprintFileKind, JsonSchema> {
  const entries = Object.entries(zodSchemas).map(([kind, schema]) => [
    kind,
    {
      $id: `https://danube.dev/schemas/v1/${kind}.json`,
      title: titles[kind as BlueprintFileKind],
      ...generate(schema),
    },
  ]);
  return Object.fromEntries(entries) as Record<BlueprintFileKind, JsonSchema>;
}

/** The zod schema that gives a checked file its defaults. */
export function zodSchemaOf<K extends BlueprintFileKind>(kind: K): (typeof zodSchemas)[K] {
  return zodSchemas[kind];
}

function generate(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: "input",
    override({ zodSchema, jsonSchema }) {
      const definition = zodSchema._zod.def;
      // Tells ajv (and editors that know OpenAPI's keyword) which variant is meant, so that errors are about that one alone.
      if (definition.type === "union" && "discriminator" in definition)
        jsonSchema["discriminator"] = { propertyName: definition.discriminator };
      if (definition.type === "union" && "discriminator" in definition) jsonSchema.type = "object"; // else ajv lets a non-object pass
      // zod writes the largest safe integer for every bare `int()`; it tells an author nothing.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  }) as JsonSchema;
}
