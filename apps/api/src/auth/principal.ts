/** What somebody may do: each level includes those before it. */
export type Permission = "read" | "write" | "admin";

const order: readonly Permission[] = ["read", "write", "admin"];

/** Who makes a request. */
export interface Principal {
  readonly subject: string;
  readonly permission: Permission;
}

export function isPermitted(principal: Principal, needed: Permission): boolean {
  return order.indexOf(principal.permission) >= order.indexOf(needed);
}

/** The most that a token's scopes allow, or undefined when they allow nothing. Unknown scopes allow nothing. */
export function permissionOf(scopes: readonly string[]): Permission | undefined {
  return order.findLast((permission) => scopes.includes(permission));
}
