/** The signed-in person. The session itself is a cookie that no script can read. */
import { ask, asProblem, DELETE, GET, setCsrfToken, whenSignedOut } from '../api/client';
import type { CurrentSession, User } from '../api/types';

/** Set after a sign-in in this browser; without it the page does not ask for a session. Not a secret. */
const HINT = 'keywright.signed-in';

class Session {
  user = $state.raw<User | null>(null);
  scopes = $state.raw<string[]>([]);
  /** A second factor must be set up before anything else. */
  mustSetUpFactor = $state(false);
  /** Whether the session was fetched. */
  known = $state(false);
  error = $state.raw<unknown>();

  /** Whether this person holds `scope` on the built-in API; the server checks it on every call. */
  holds(scope: string): boolean {
    return this.scopes.includes(scope) || this.scopes.includes('admin');
  }

  /** An ordinary end user: sees only their own data. */
  get isMember(): boolean {
    return this.user?.role === 'member';
  }

  /** Loads the session at page start, if this browser has signed in before. */
  async begin(): Promise<void> {
    if (localStorage.getItem(HINT)) await this.load();
    else this.drop();
  }

  /** Fetches the session from the server: after every sign-in. */
  async load(): Promise<void> {
    try {
      const current: CurrentSession = await ask(GET('/v1/auth/session'));
      setCsrfToken(current.csrf_token ?? null);
      this.scopes = current.scopes;
      this.mustSetUpFactor = current.second_factor_missing;
      this.user = current.user;
      localStorage.setItem(HINT, '1');
      this.known = true;
      this.error = undefined;
    } catch (cause) {
      if (asProblem(cause).status === 401) this.drop();
      else this.error = cause;
      this.known = true;
    }
  }

  /** Ends the session. */
  async end(): Promise<void> {
    await ask(DELETE('/v1/auth/session'));
    this.drop();
  }

  drop(): void {
    localStorage.removeItem(HINT);
    setCsrfToken(null);
    this.user = null;
    this.scopes = [];
    this.known = true;
  }
}

export const session = new Session();
whenSignedOut(() => session.drop());
