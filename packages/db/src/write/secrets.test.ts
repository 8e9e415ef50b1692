import { randomBytes } from "node:crypto";
import { newId } from "@danube/kit";
import { describe, expect, it } from "vitest";
import { createQueries } from "../read/queries.ts";
import { applyPipelines, openTestDatabase } from "../test-database.ts";
import {
  deleteSecret,
  findSecret,
  listSecretsOfPipeline,
  listStoredSecrets,
  putSecret,
  rekeySecret,
  type StoredSecret,
} from "./secrets.ts";
import type { Writer } from "./writer.ts";

const newSecret = (fields: Partial<StoredSecret> = {}): StoredSecret => ({
  id: newId(),
  name: "TOKEN",
  keyId: "k1",
  ciphertext: randomBytes(40),
  ...fields,
});
const put = (writer: Writer, secret: StoredSecret) =>
  writer.transaction((transaction) => putSecret(transaction, secret));

describe("secrets", () => {
  it("keep their bytes, and their id when the value is replaced", async () => {
    const { writer } = await openTestDatabase();
    const first = newSecret();
    const second = newSecret({ keyId: "k2" });
    expect(await put(writer, first)).toEqual({ id: first.id });
    expect(await put(writer, second)).toEqual({ id: first.id });
    expect(writer.read(listStoredSecrets)).toEqual([{ ...second, id: first.id }]);
  });

  it("are one for each pipeline and name, and one global for each name", async () => {
    const { writer } = await openTestDatabase();
    const [app = "", site = ""] = await applyPipelines(writer, "app", "site");
    const global = newSecret();
    const ofApp = newSecret({ pipelineId: app });
    const ofSite = newSecret({ pipelineId: site, name: "OTHER" });
    for (const secret of [global, ofApp, ofSite]) await put(writer, secret);
    const visible = (pipelineId: string) =>
      writer.read((transaction) => listSecretsOfPipeline(transaction, pipelineId)).map(({ id }) => id);
    expect(visible(app), "the pipeline's own hides the global one").toEqual([ofApp.id]);
    expect(visible(site).sort()).toEqual([global.id, ofSite.id].sort());
    expect(writer.read((transaction) => findSecret(transaction, { pipelineId: site, name: "TOKEN" }))).toBeUndefined();
    expect(await createQueries(writer).listSecrets({})).toMatchObject({
      secrets: [
        { id: ofSite.id, pipelineName: "site" },
        { id: global.id, name: "TOKEN" },
        { id: ofApp.id, pipelineName: "app" },
      ],
    });
  });

  it("change their key only if nobody else did meanwhile", async () => {
    const { writer } = await openTestDatabase();
    const secret = newSecret();
    await put(writer, secret);
    const change = { id: secret.id, expectedKeyId: "k1", keyId: "k2", ciphertext: randomBytes(40) };
    const rekey = () => writer.transaction((transaction) => rekeySecret(transaction, change));
    expect(await rekey()).toBe(true);
    expect(await rekey()).toBe(false);
    expect(writer.read(listStoredSecrets)).toMatchObject([{ keyId: "k2", ciphertext: change.ciphertext }]);
  });

  it("are deleted one at a time", async () => {
    const { writer } = await openTestDatabase();
    const [app = ""] = await applyPipelines(writer, "app");
    await put(writer, newSecret());
    await put(writer, newSecret({ pipelineId: app }));
    const remove = (key: { pipelineId?: string; name: string }) =>
      writer.transaction((transaction) => deleteSecret(transaction, key));
    expect(await remove({ name: "TOKEN" })).toBe(true);
    expect(await remove({ name: "TOKEN" })).toBe(false);
    expect(writer.read(listStoredSecrets)).toMatchObject([{ pipelineId: app }]);
  });

  it("are refused when too short to be a nonce and a tag", async () => {
    const { writer } = await openTestDatabase();
    await expect(put(writer, newSecret({ ciphertext: randomBytes(27) }))).rejects.toThrow("CHECK");
  });
});
