export { bearerToken } from "./bearer-token.ts";
export { createRpcClient, type RpcClientOptions } from "./client.ts";
export type {
  CallOptions,
  ClientMethod,
  ClientMethods,
  DownloadResult,
  DuplexCall,
  RpcClient,
  UploadBody,
} from "./client-methods.ts";
export type { CallContext, Download, DuplexFrame, Handler, Handlers } from "./handler.ts";
export { createLocalClient, type LocalClientOptions } from "./local-client.ts";
export { type ResubscribeOptions, resubscribe } from "./resubscribe.ts";
export { createRpcServer, type RpcServer, type RpcServerOptions } from "./server.ts";
