/**
 * The client of the API. Types come from the OpenAPI document; every refusal becomes a {@link Problem} with its code,
 * message and request id.
 */
import createClient, { type Middleware } from 'openapi-fetch';
import type { paths } from './schema';

/** A call that the server refused or did not answer. */
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

  /** The error of one field of the request. */
  field(name: string): string | undefined {
    const reason = this.code === 'INVALID_REQUEST' ? this.details[name] : undefined;
    return typeof reason === 'string' ? reason : undefined;
  }
}

let csrfToken: string | null = null;
let onSignedOut: () => void = () => {};
let confirmIdentity: (methods: string[]) => Promise<boolean> = async () => false;

/** Sets the CSRF token of every change; it is kept in memory only. */
export function setCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** Registers a callback for requests that find the session ended. */
export function whenSignedOut(callback: () => void): void {
  onSignedOut = callback;
}

/**
 * Registers the dialog that confirms the person's identity. It resolves to whether they confirmed; the refused request
 * is then sent again.
 */
export function whenConfirmationIsRequired(callback: (methods: string[]) => Promise<boolean>): void {
  confirmIdentity = callback;
}

/** Copies of changes in flight: the body of a request can be read only once. */
const copies = new WeakMap<Request, Request>();

const session: Middleware = {
  onRequest({ request }) {
    if (request.method === 'GET') return request;
    if (csrfToken) request.headers.set('X-CSRF-Token', csrfToken);
    copies.set(request, request.clone());
    return request;
  },
  async onResponse({ request, response }) {
    const copy = copies.get(request);
    if (response.status !== 403 || !copy) return undefined;
    const problem = problemOf(403, await response.clone().json().catch(() => null), null);
    if (problem.code !== 'REAUTHENTICATION_REQUIRED') return undefined;
    const methods = Array.isArray(problem.details.methods) ? problem.details.methods.map(String) : [];
    if (!(await confirmIdentity(methods))) return undefined;
    if (csrfToken) copy.headers.set('X-CSRF-Token', csrfToken);
    return fetch(copy);
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

/** The {@link Problem} of a response that is not a success. */
export function problemOf(status: number, body: unknown, requestId: string | null): Problem {
  const error = (typeof body === 'object' ? (body as Envelope | null) : null)?.error;
  const message = error?.message ?? `The server answered ${status}`;
  return new Problem(error?.code ?? 'UNKNOWN', message, status, error?.request_id ?? requestId, error?.details ?? {});
}

const SESSION_IS_OVER = new Set(['MISSING_API_KEY', 'INVALID_TOKEN', 'EXPIRED_TOKEN']);

/** The data of a response; throws a {@link Problem}. */
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

/** Any thrown value as a {@link Problem}. */
export function asProblem(cause: unknown): Problem {
  if (cause instanceof Problem) return cause;
  return new Problem('UNEXPECTED', cause instanceof Error ? cause.message : String(cause), 0, null);
}

/**
 * One creation that may be sent several times: after a lost answer the same body is sent under the same Idempotency-Key,
 * so that nothing is created twice and the answer with its secret can be received again.
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
