import { ApiProblem, type Session } from "@blazing-sun/client";
import { withQuery } from "./routes.js";

export type Query = Readonly<Record<string, string | number | undefined>>;

const ADMIN = "/api/v1/admin/";
/** More than the server lets anything but a long poll take. */
const TIMEOUT_MS = 35_000;

/** What operators may ask for, as whoever is signed in. */
export class Api {
  constructor(
    private readonly session: Pick<Session, "token">,
    private readonly ask: typeof fetch = (input, init) => globalThis.fetch(input, init),
  ) {}

  get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
    return this.authorized<T>(withQuery(ADMIN + path, query), undefined, signal);
  }

  post<T>(path: string, body: object = {}): Promise<T> {
    return this.authorized<T>(ADMIN + path, body);
  }

  private async authorized<T>(path: string, body?: object, signal?: AbortSignal): Promise<T> {
    try {
      return await this.request<T>(path, await this.session.token(), body, signal);
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 401) throw error;
      return this.request<T>(path, await this.session.token({ refused: true }), body, signal);
    }
  }

  private async request<T>(path: string, token: string, body?: object, signal?: AbortSignal): Promise<T> {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const headers: Record<string, string> = { accept: "application/json", authorization: `Bearer ${token}` };
    if (body) headers["content-type"] = "application/json";
    const response = await this.ask(path, {
      method: body ? "POST" : "GET",
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      body: body ? JSON.stringify(body) : null,
    });
    const answer = parsed(await response.text());
    if (response.ok) return answer as T;
    const problem = (answer ?? {}) as { code?: unknown; detail?: unknown; title?: unknown };
    const code = String(problem.code ?? `http_${response.status}`);
    throw new ApiProblem(response.status, code, String(problem.detail ?? problem.title ?? code));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
