import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import http from 'node:http';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { respondTo } from '../../../src/agent/show/http-response.js';
import type { AgentSnapshot } from '../../../src/agent/report/snapshot.js';
import { measureContrast } from './contrast.js';
import { hostileName, snapshots } from './fixtures.js';

/** For who wants to look at them. */
const pictures = path.join(tmpdir(), 'hsmonger-page');

let browser: Browser;
let server: http.Server;
let port: number;
let current: AgentSnapshot;
/** Put at the page's end, to see that what watches it sees. */
let smuggled = '';
beforeAll(async () => {
  mkdirSync(pictures, { recursive: true });
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  server = http.createServer((request, response) => {
    void respondTo(request, { serves: ['page'], host: 'ipa-ca.example.test', snapshot: () => Promise.resolve(current) }).then(
      ({ status, headers, body }) => response.writeHead(status, { ...headers }).end(body.replace('</body>', `${smuggled}</body>`)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as { port: number });
});
afterAll(async () => {
  await browser.close();
  server.close();
});

interface Visit {
  readonly page: Page;
  /** What the console said, what failed, and what was asked for besides the page and its icon. */
  readonly trouble: string[];
}

async function visit(
  snapshot: AgentSnapshot,
  { width = 1280, colorScheme = 'light' }: { width?: number; colorScheme?: 'light' | 'dark' } = {},
): Promise<Visit> {
  current = snapshot;
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const trouble: string[] = [];
  page.on('console', (message) => trouble.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => trouble.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('requestfailed', (request) => trouble.push(`failed: ${request.url()}`));
  const own = `http://127.0.0.1:${String(port)}`;
  page.on('request', (request) => {
    if (![`${own}/?still`, `${own}/icon.svg`].includes(request.url())) trouble.push(`request: ${request.url()}`);
  });
  // No scripts of the page's run; those of the test do, so the policy is watched by an observer that is not the page's.
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  await page.goto(`${own}/?still`);
  return { page, trouble };
}

const cases = (['healthy', 'problems', 'many', 'empty', 'hostile'] as const).flatMap((name) =>
  (['light', 'dark'] as const).flatMap((colorScheme) => [1280, 390].map((width) => [name, colorScheme, width] as const)),
);

describe('in a browser', () => {
  it.each(cases)('%s, %s, %d pixels wide: legible, whole, nothing loaded and nothing refused', async (name, colorScheme, width) => {
    const snapshot = snapshots[name](200);
    const { page, trouble } = await visit(snapshot, { width, colorScheme });
    await page.screenshot({ path: path.join(pictures, `${name}-${colorScheme}-${String(width)}.png`), fullPage: name !== 'many' });
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    const contrast = await page.evaluate(measureContrast);
    expect(contrast.measured).toBeGreaterThan(5);
    expect(contrast.poor).toEqual([]);
    const rows = page.locator('table.certificates tbody tr');
    expect(await rows.count()).toBe(snapshot.instances.flatMap(({ certificates }) => certificates).length);
    for (const box of await rows.evaluateAll((all) =>
      all.map((row) => row.getBoundingClientRect()).map(({ left, right, height }) => ({ left, right, height })),
    )) {
      expect(box.left).toBeGreaterThanOrEqual(0);
      expect(box.right).toBeLessThanOrEqual(width);
      expect(box.height).toBeGreaterThan(20);
    }
    expect(trouble).toEqual([]);
    await page.close();
  });
});

test('what watches the page sees pale text, what is loaded from elsewhere, and what the policy refuses', async () => {
  smuggled =
    '<p style="color:red">styled</p><p class="quiet"><font color="#aaaaaa">pale</font></p><img src="http://127.0.0.1:1/x.png"><script>document.title="run"</script>';
  const { page, trouble } = await visit(snapshots.healthy());
  smuggled = '';
  expect((await page.evaluate(measureContrast)).poor).toEqual([expect.stringMatching(/pale$/u)]);
  expect(trouble.join('\n')).toMatch(/style-src/u);
  expect(trouble.join('\n')).toMatch(/img-src/u);
  expect(trouble.join('\n')).toMatch(/script-src|default-src/u);
  expect(await page.title()).not.toBe('run');
  await page.close();
});

test('a name that is markup is shown as text, and none of it becomes an element', async () => {
  const { page, trouble } = await visit(snapshots.hostile());
  expect(await page.locator('script, img, iframe, [onerror], a[href^="javascript"]').count()).toBe(0);
  const shown = await page.locator('table.certificates tbody th .name').textContent();
  expect(shown).toBe(
    hostileName
      .replace(/\u202e/u, '\\u{202e}')
      .replace(/\u2066/u, '\\u{2066}')
      .replace(/\u0007/u, '\\u{7}')
      .replace(/\n/u, '\\u{a}'),
  );
  expect(trouble).toEqual([]);
  await page.close();
});

test('what is wrong stands on top, worst first, with its cure; the states are words, and shapes that differ', async () => {
  const { page } = await visit(snapshots.problems());
  expect(await page.locator('h1').textContent()).toBe('5 of 7 certificates need attention.');
  expect(await page.locator('.problem h3').allTextContents()).toEqual([
    'Critical hsmonger',
    'Critical kra',
    'Error hsmonger',
    'Warning hsmonger',
    'Left to you hsmonger',
  ]);
  expect(await page.locator('.problem .cure').first().textContent()).toBe(
    'To do Put the right PIN into /etc/hsmonger/hsmonger.pin, or run hsmonger token change-pin.',
  );
  const [problems, certificates] = [
    await page.locator('.problems').boundingBox(),
    await page.locator('table.certificates').first().boundingBox(),
  ];
  expect(problems?.y ?? 0).toBeLessThan(certificates?.y ?? 0);
  expect(await page.locator('td.state .badge').allTextContents()).toEqual([
    'Needs you',
    'Expired',
    'Renewing',
    'In order',
    'Being healed',
    'Being healed',
    'Not tracked',
  ]);
  const shapes = await page
    .locator('td.state .badge')
    .evaluateAll((badges) => badges.map((badge) => badge.querySelector('svg')?.innerHTML));
  expect(new Set(shapes).size).toBe(4);
  await page.close();
});

test('a reader of the page that hears it has headings, landmarks, captions and words for the pictures', async () => {
  const { page } = await visit(snapshots.healthy());
  for (const role of ['main', 'banner', 'contentinfo'] as const) expect(await page.getByRole(role).count()).toBe(1);
  expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
  expect(await page.getByRole('table').evaluateAll((tables) => tables.map((table) => table.querySelector('caption')?.textContent))).toEqual(
    ['Certificates of hsmonger, the most urgent first; times are UTC', 'Events, newest first; times are UTC'],
  );
  expect(await page.getByRole('rowheader').count()).toBe(6);
  expect(await page.getByRole('img').first().getAttribute('aria-label')).toBe(
    'ocspSigningCert cert-pki-ca: valid from 2025-06-05 to 2027-06-05, to be renewed on 2027-05-01, between 2027-04-24 and 2027-05-08',
  );
  await page.keyboard.press('Tab');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('To the certificates');
  expect(await page.locator('.skip').evaluate((link) => link.getBoundingClientRect().left)).toBeGreaterThanOrEqual(0);
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('en');
  await page.close();
});

test('on the time line things are where they belong', async () => {
  const { page } = await visit(snapshots.healthy());
  const row = page.locator('tr', { hasText: 'ocspSigningCert' }).first();
  const x = async (selector: string) => (await row.locator(selector).first().boundingBox()) ?? { x: NaN, width: NaN };
  const [life, window, moment, today] = [await x('.life'), await x('.window'), await x('.moment'), await x('.today')];
  const middle = ({ x: left, width }: { x: number; width: number }) => left + width / 2;
  expect(middle(today)).toBeLessThan(window.x);
  expect(middle(moment)).toBeGreaterThan(window.x);
  expect(middle(moment)).toBeLessThan(window.x + window.width);
  expect(life.x + life.width).toBeGreaterThan(window.x + window.width);
  await page.close();
});

test.each(['light', 'dark'] as const)('the calendar is a picture of its own, %s, and its style is allowed', async (colorScheme) => {
  const { page, trouble } = await visit(snapshots.hostile(), { colorScheme });
  await page.getByRole('link', { name: 'Renewals of the next twelve months' }).click();
  await page.screenshot({ path: path.join(pictures, `calendar-${colorScheme}.png`) });
  expect(await page.locator('.paper').evaluate((paper) => getComputedStyle(paper).fill)).toBe(
    colorScheme === 'dark' ? 'rgb(18, 23, 30)' : 'rgb(255, 255, 255)',
  );
  expect(await page.locator('script').count()).toBe(0);
  // The browser looks for an icon once.
  expect(trouble.filter((one) => !one.endsWith('/favicon.ico'))).toEqual([`request: http://127.0.0.1:${String(port)}/calendar.svg`]);
  await page.close();
});

test('it comes again by itself, unless it is asked not to', async () => {
  const ask = async (url: string) =>
    (
      await respondTo(
        { method: 'GET', url, headers: {} },
        { serves: ['page'], host: 'h', snapshot: () => Promise.resolve(snapshots.healthy()) },
      )
    ).body;
  expect(await ask('/')).toContain('<meta http-equiv="refresh" content="30">');
  expect(await ask('/?still')).not.toContain('http-equiv');
  expect(await ask('/')).not.toMatch(/<script|javascript:|\son[a-z]+=|style=/u);
});
