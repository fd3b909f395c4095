import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { drawCalendar } from '../../../src/agent/calendar/calendar-chart.js';
import { planCalendar } from '../../../src/renewal/calendar/plan-calendar.js';
import { below, ca, certificate, day, inDays, now } from '../../renewal/calendar/certificates.js';

const until = inDays(365);
const entries = planCalendar(
  [
    ca({ nickname: 'ca' }),
    below('ocsp'),
    certificate('quarterly', { notBefore: inDays(-30), notAfter: inDays(60), lifeMs: 90 * day }),
    certificate('</text><script>alert(1)</script> & "\u0000\u0007\ud800', { notAfter: inDays(300) }),
    certificate('by another', { by: 'renewal master' }),
    certificate('expired', { notAfter: inDays(-3) }),
  ],
  { now, until },
);
const svg = drawCalendar({ entries, now, until });

test('whatever a certificate is called, there is no script, and nothing comes from elsewhere', () => {
  expect(svg).not.toMatch(/<script|<image|<foreignObject|\bon\w+=|url\(|@import|href/u);
  expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:/u);
  expect(svg).not.toContain('\u0000');
  expect(Buffer.from(svg).toString()).toBe(svg);
});

test('none at all, and more than can be shown', () => {
  expect(drawCalendar({ entries: [], now, until })).toContain('No certificate is renewed here.');
  const many = planCalendar(
    Array.from({ length: 200 }, (_, index) => certificate(`c${String(index)}`)),
    { now, until },
  );
  const drawn = drawCalendar({ entries: many, now, until });
  expect(drawn).toContain('the next 60 of 200 certificates');
  expect(drawn.match(/class="name"/gu)).toHaveLength(60);
});

test.each([
  ['light', 390, 'rgb(255, 255, 255)'],
  ['dark', 390, 'rgb(18, 23, 30)'],
  ['light', 1200, 'rgb(255, 255, 255)'],
] as const)('a browser shows it: %s, %d wide', async (colorScheme, width, paper) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'calendar-'));
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    const file = path.join(directory, 'calendar.svg');
    writeFileSync(file, svg);
    const page = await browser.newPage({ viewport: { width, height: 700 }, colorScheme });
    await page.goto(`file://${file}`);
    const seen = await page.evaluate(() => {
      const root = document.documentElement;
      const view = root.getBoundingClientRect();
      const texts = [...document.querySelectorAll('text')].map((element) => element.getBoundingClientRect());
      return {
        paper: getComputedStyle(document.querySelector('.paper')!).fill,
        width: view.width,
        outside: texts.filter(({ left, right }) => left < view.left - 0.5 || right > view.right + 0.5).length,
        smallest: Math.min(...texts.map(({ height }) => height)),
        // Where XML is broken, browsers show what came before and this.
        broken: document.querySelectorAll('parsererror, script').length,
        names: [...document.querySelectorAll('.name')].map((element) => element.textContent),
        diamonds: document.querySelectorAll('.planned').length,
      };
    });
    expect(seen.paper).toBe(paper);
    expect(seen.width).toBeLessThanOrEqual(width);
    expect(seen.outside).toBe(0);
    expect(seen.smallest).toBeGreaterThan(9);
    expect(seen.broken).toBe(0);
    expect(seen.names).toContain('</text><script>alert(1)</script> & "\ufffd…');
    expect(seen.diamonds).toBeGreaterThan(entries.length);
    const picture = path.join(directory, 'picture.png');
    await page.screenshot({ path: picture });
    expect(readFileSync(picture).length).toBeGreaterThan(5000);
  } finally {
    await browser.close();
    rmSync(directory, { recursive: true });
  }
});
