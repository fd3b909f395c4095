import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { metricsOf, metricsType } from './metrics/metrics.js';
import type { AgentSnapshot } from '../report/snapshot.js';
import type { Service } from './order.js';
import { favicon } from './page/icons.js';
import { calendarOf } from './page/calendar.js';
import { pageOf } from './page/page.js';
import { style } from './page/style.js';

/** What is served at an address. */
export interface Shown {
  readonly serves: readonly Service[];
  readonly host: string;
  /** The newest snapshot, or undefined where the agent does not give one. */
  readonly snapshot: () => Promise<AgentSnapshot | undefined>;
}

/** What of a request decides its answer. */
export interface HttpRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Pick<IncomingHttpHeaders, 'host'>;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a document may load: its own style, by its digest, and pictures from where it came from. Nothing runs. */
function policyFor(styles: string): string {
  return `default-src 'none'; style-src 'sha256-${createHash('sha256').update(styles).digest('base64')}'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

const text = 'text/plain; charset=utf-8';
/** Nothing here is for another site, to be kept, or to be guessed at. */
const always = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** The answer to a request: the paths of what is served, GET and HEAD, under the names this machine has for itself. */
export async function respondTo({ method, url, headers }: HttpRequest, { serves, host, snapshot }: Shown): Promise<HttpResponse> {
  if (!isOwnName(headers.host)) return plain(421, 'Ask for localhost, 127.0.0.1 or [::1]; a proxy in front sends Host: localhost.\n');
  const [path, query] = (url ?? '').split('?', 2);
  const make =
    serves.includes('metrics') && path === '/metrics'
      ? 'metrics'
      : serves.includes('page')
        ? ({ '/': 'page', '/icon.svg': 'icon', '/favicon.ico': 'icon', '/calendar.svg': 'calendar', '/healthz': 'health' } as const)[
            path ?? ''
          ]
        : path === '/healthz'
          ? 'health'
          : undefined;
  if (make === undefined) return plain(404, 'There is nothing here.\n');
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'This only shows: GET.\n', { allow: 'GET, HEAD' });
  if (make === 'icon') return { status: 200, headers: { ...always, 'content-type': 'image/svg+xml' }, body: favicon };
  const now = await snapshot();
  if (now === undefined) return plain(503, 'The agent does not answer; see journalctl -u hsmonger-agent.\n', { 'retry-after': '10' });
  switch (make) {
    case 'metrics':
      return { status: 200, headers: { ...always, 'content-type': metricsType }, body: await metricsOf(now) };
    case 'page':
      return {
        status: 200,
        headers: { ...always, 'content-security-policy': policyFor(style), 'content-type': 'text/html; charset=utf-8' },
        body: pageOf(now, { host, refresh: query === 'still' ? 'by hand' : 'by itself' }),
      };
    case 'calendar': {
      const picture = calendarOf(now);
      return {
        status: 200,
        headers: { ...always, 'content-security-policy': policyFor(picture.style), 'content-type': 'image/svg+xml' },
        body: picture.svg,
      };
    }
    case 'health':
      return plain(200, 'ok\n');
  }
}

/**
 * A page of somebody else's whose name was made to point here (DNS rebinding) would ask under that name. Any port: `ssh -L` has another.
 * HTTP/1.0 may come without one, which no browser does.
 */
function isOwnName(host: string | undefined): boolean {
  return host === undefined || /^(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/iu.test(host);
}

function plain(status: number, body: string, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return { status, headers: { ...always, ...headers, 'content-type': text }, body };
}
