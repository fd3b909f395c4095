import { text } from 'node:stream/consumers';
import { html, json, Refusal, serialOf } from './answers.js';
import type { Asked, RestAsked, World } from './asked.js';
import type { DoubleRequest } from './double.js';

/** How a request is written, in either version. */
export function requestInfo({ address }: World, version: RestAsked['version'], one: DoubleRequest): object {
  const base = version === 'v2' ? '/ca/v2' : '/ca/rest';
  return {
    ...(version === 'v2'
      ? { requestID: `0x${one.id.toString(16)}` }
      : {
          requestURL: `${address()}${base}/certrequests/${String(one.id)}`,
          realm: null,
          certId: null,
          certURL: null,
          errorMessage: null,
        }),
    requestType: 'enrollment',
    requestStatus: one.status,
    certRequestType: 'pkcs10',
    operationResult: one.status === 'rejected' ? 'error' : 'success',
    ...(one.words === undefined ? {} : { errorMessage: one.words }),
    ...(one.certificate === undefined ? {} : { certId: `0x${serialOf(one.certificate)}` }),
  };
}

/** False where it was answered that this is for agents. Throws Dogtag's refusal for somebody else. */
export function onlyAgents({ response, who }: Asked): boolean {
  if (who === '') {
    html(response, 401);
    return false;
  }
  if (who !== 'agent') throw new Refusal(403, 'base.ForbiddenException', 'Authorization Error');
  return true;
}

/** Log-in, version, submission of requests and what became of them; false where it is none of these. */
export async function answerRequests(world: World, asked: RestAsked): Promise<boolean> {
  const { queue, sessions } = world;
  const { version, route, request, response, who } = asked;
  const answered = (value: object) => {
    json(response, value);
    return true;
  };
  if (route === '/account/login') {
    if (!onlyAgents(asked)) return true;
    sessions.logIn(response);
    return answered({ id: who, Roles: { Role: ['Administrators'] } });
  }
  if (route === '/info') return answered({ Version: '11.6.0', Attributes: { Attribute: [] } });
  if (route.startsWith('/certrequests') && request.method === 'POST') {
    const body = JSON.parse(await text(request)) as { ProfileID: string; Input: { Attribute: { name: string; Value: string }[] }[] };
    const value = body.Input.flatMap(({ Attribute }) => Attribute).find(({ name }) => name === 'cert_request')?.Value ?? '';
    const taken = await queue.submit(Buffer.from(value, 'base64'), body.ProfileID, who);
    return answered({ total: 1, entries: [requestInfo(world, version, taken)], ...(version === 'v1' ? { Link: [] } : {}) });
  }
  const id = /^\/certrequests\/(\w+)$/u.exec(route)?.[1];
  if (id !== undefined) return answered(requestInfo(world, version, queue.found(Number(id))));
  return false;
}
