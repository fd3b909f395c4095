import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Tomcat's sessions: who logged in, and the nonce each review was given. */
export interface Sessions {
  logIn(response: ServerResponse): void;
  loggedIn(request: IncomingMessage): boolean;
  /** Begins a session for a review of this request; gives the nonce that must come back. */
  review(response: ServerResponse, id: number): string;
  nonceOf(request: IncomingMessage, id: number): string | undefined;
}

export function createSessions(): Sessions {
  const sessions = new Map<string, Map<number, string>>();
  const logins = new Set<string>();
  const sessionOf = (request: IncomingMessage) => /JSESSIONID=(\w+)/u.exec(request.headers.cookie ?? '')?.[1] ?? '';
  const openSession = (response: ServerResponse) => {
    const session = randomBytes(16).toString('hex');
    response.setHeader('set-cookie', `JSESSIONID=${session}; Path=/ca; Secure; HttpOnly`);
    return session;
  };
  return {
    logIn: (response) => {
      logins.add(openSession(response));
    },
    loggedIn: (request) => logins.has(sessionOf(request)),
    review(response, id) {
      const nonce = String(randomBytes(7).readUIntBE(0, 6));
      sessions.set(openSession(response), new Map([[id, nonce]]));
      return nonce;
    },
    nonceOf: (request, id) => sessions.get(sessionOf(request))?.get(id),
  };
}
