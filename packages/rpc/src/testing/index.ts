export { type CutHow, createTcpProxy, type TcpProxy, type TcpProxyOptions } from "./tcp-proxy.ts";
