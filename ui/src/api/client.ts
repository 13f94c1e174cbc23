/**
 * The one way to the server. Types come from the instance's own OpenAPI document; every refusal becomes a
 * {@link Problem} that says what failed and under which request id.
 */
import createClient, { type Middleware } from 'openapi-fetch';
import type { paths } from './schema';

/** A call that the server refused, or that never arrived. */
export class Problem extends Error {
  constructor(
    /** The envelope's code, or `NETWORK`. */
    readonly code: string,
    message: string,
    readonly status: number,
    readonly requestId: string | null,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
    this.name = 'Problem';
  }

  /** What the server says about one field of the request. */
  field(name: string): string | undefined {
    const reason = this.code === 'INVALID_REQUEST' ? this.details[name] : undefined;
    return typeof reason === 'string' ? reason : undefined;
  }
}

let csrfToken: string | null = null;
let onSignedOut: () => void = () => {};

/** The token that goes with every change; it lives in memory only. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Called when a request finds that the session is over. */
export function whenSignedOut(callback: () => void): void {
  onSignedOut = callback;
}

const session: Middleware = {
  onRequest({ request }) {
    if (csrfToken && request.method !== 'GET') request.headers.set('X-CSRF-Token', csrfToken);
    return request;
  },
};

const client = createClient<paths>({ credentials: 'same-origin', headers: { Accept: 'application/json' } });
client.use(session);

export const { GET, POST, PUT, PATCH, DELETE } = client;

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

interface Envelope {
  error?: { code?: string; message?: string; details?: Record<string, unknown>; request_id?: string };
}

/** The {@link Problem} behind an answer that is not a success. */
export function problemOf(status: number, body: unknown, requestId: string | null): Problem {
  const error = (typeof body === 'object' ? (body as Envelope | null) : null)?.error;
  const message = error?.message ?? `The server answered ${status}`;
  return new Problem(error?.code ?? 'UNKNOWN', message, status, error?.request_id ?? requestId, error?.details ?? {});
}

const SESSION_IS_OVER = new Set(['MISSING_API_KEY', 'INVALID_TOKEN', 'EXPIRED_TOKEN']);

/** The data of a call, or a {@link Problem}. */
export async function ask<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new Problem('NETWORK', 'The server did not answer. Check the connection and try again.', 0, null);
  }
  const { response } = answer;
  if (response.ok) return answer.data as T;
  const problem = problemOf(response.status, answer.error, response.headers.get('X-Request-Id'));
  if (response.status === 401 && SESSION_IS_OVER.has(problem.code)) onSignedOut();
  throw problem;
}

/** Whatever was thrown, as a {@link Problem}. */
export function asProblem(cause: unknown): Problem {
  if (cause instanceof Problem) return cause;
  return new Problem('UNEXPECTED', cause instanceof Error ? cause.message : String(cause), 0, null);
}

/**
 * One creation, however often it is sent: after a lost answer the same body goes out under the same
 * Idempotency-Key, so that nothing is made twice and a secret that was shown to nobody is not lost.
 */
export class Attempt {
  #key = '';
  #body = '';

  /** Headers for `body`. */
  headers(body: unknown): { 'Idempotency-Key': string } {
    const text = JSON.stringify(body);
    if (!this.#key || text !== this.#body) {
      this.#key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
      this.#body = text;
    }
    return { 'Idempotency-Key': this.#key };
  }
}
