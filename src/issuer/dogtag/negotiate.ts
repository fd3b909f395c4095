import * as v from 'valibot';
import { HsmongerError } from '../../errors.js';
import { assertSuccess, jsonOf, refusalOf, xmlOf } from './answers.js';
import { interfaceNames, type InterfaceName } from './api.js';
import type { Connection, HttpAnswer } from './connection.js';
import { StillStarting } from './trouble.js';
import { serverWords } from './words.js';
import { textAt } from './xml.js';

const infoPaths = { v2: '/ca/v2/info', v1: '/ca/rest/info' } as const;

/**
 * The best of Dogtag's interfaces this server has, those in `without` left out. A server whose CA is not there (yet) answers 404 to
 * everything, as one without the newer interfaces does: its oldest page, which says whether the CA runs, tells them apart.
 */
export async function negotiate(connection: Connection, without: ReadonlySet<InterfaceName>): Promise<InterfaceName> {
  for (const name of ['v2', 'v1'] as const) {
    if (without.has(name)) continue;
    const answer = await connection.send({ method: 'GET', path: infoPaths[name], accept: 'application/json' });
    if (isAbsent(answer)) continue;
    jsonOf(answer, v.looseObject({}));
    return name;
  }
  const answer = await connection.send({ method: 'GET', path: '/ca/admin/ca/getStatus', accept: 'application/xml' });
  if (answer.status === 404)
    throw new StillStarting(
      `The server at ${connection.url} runs without its CA (404 for ${answer.asked}): is it still starting, and is issuer.url right?`,
    );
  assertSuccess(answer);
  const status = textAt(xmlOf(answer), 'XMLResponse', 'Status') ?? 'says nothing of itself';
  if (status !== 'running')
    throw new StillStarting(`The CA at ${connection.url} is not ready (${serverWords(status)}); asked again by itself, its log says more.`);
  if (without.has('servlets'))
    throw new HsmongerError(
      'CA_UNREACHABLE',
      `The CA at ${connection.url} runs and lacks what requests are made through (${interfaceNames.join(', ')}); look at its web applications.`,
    );
  return 'servlets';
}

/** Not a word of Dogtag's: the web server knows no such address. */
function isAbsent(answer: HttpAnswer): boolean {
  return answer.status === 404 && refusalOf(answer) === undefined;
}
