export { type Api, createApp } from "./app.ts";
export { createOneTimeCodes, type OneTimeCodes } from "./auth/one-time-codes.ts";
export type { Permission, Principal } from "./auth/principal.ts";
export type { ApiAuth, ApiDependencies, ApiLimits, WebhookSecrets } from "./dependencies.ts";
export type { ChangeSource } from "./streams/change-feed.ts";
