/** Who is signed in here. The session itself is a cookie that no script can read. */
import { ask, asProblem, DELETE, GET, setCsrfToken, whenSignedOut } from '../api/client';
import type { SessionAnswer, User } from '../api/types';

class Session {
  user = $state.raw<User | null>(null);
  /** Whether the server has been asked yet. */
  known = $state(false);
  error = $state.raw<unknown>();

  /** Whether this person holds `scope` on Keywright's own API; the server asks again on every call. */
  holds(scope: string): boolean {
    const scopes = this.user?.scopes ?? [];
    return scopes.includes(scope) || scopes.includes('admin');
  }

  /** An ordinary end user: sees only what is theirs. */
  get isMember(): boolean {
    return this.user?.role === 'member';
  }

  /** Takes up a session that the server has just told of. */
  take(answer: SessionAnswer): void {
    setCsrfToken(answer.csrf_token);
    this.user = answer.user;
    this.known = true;
    this.error = undefined;
  }

  /** Asks the server who is signed in. */
  async load(): Promise<void> {
    try {
      this.take(await ask(GET('/v1/auth/session')));
    } catch (cause) {
      if (asProblem(cause).status !== 401) this.error = cause;
      this.drop();
    }
  }

  /** Ends the session. */
  async end(): Promise<void> {
    await ask(DELETE('/v1/auth/session'));
    this.drop();
  }

  drop(): void {
    setCsrfToken(null);
    this.user = null;
    this.known = true;
  }
}

export const session = new Session();
whenSignedOut(() => session.drop());
