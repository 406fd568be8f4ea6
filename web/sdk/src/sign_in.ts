import { parseJson, userIdOf } from "./frames.js";
import type { Frame, UserId } from "./wire.js";

export interface SignedIn {
  userId: UserId;
  username: string;
  roles: string[];
}

/** Who the server says this is. */
export function signedIn({ user_id, username = "", roles }: Frame): SignedIn {
  return {
    userId: userIdOf(user_id),
    username: String(username),
    roles: Array.isArray(roles) ? roles.map(String) : [],
  };
}

/** The `exp` of a JWT in milliseconds; nothing here trusts it beyond a timer. */
export function expiryOf(token: string): number | undefined {
  const body = token.split(".")[1] ?? "";
  try {
    const claims = parseJson(atob(body.replaceAll("-", "+").replaceAll("_", "/"))) as { exp?: unknown };
    return Number(claims.exp) * 1000 || undefined;
  } catch {
    return undefined;
  }
}
