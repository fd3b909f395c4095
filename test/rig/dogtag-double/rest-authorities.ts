import { pem } from '../../x509/material.js';
import { html, json, pkcs7, Refusal, send } from './answers.js';
import type { RestAsked, World } from './asked.js';

/** The lightweight CA, its certificate, chain and renewal; false where it is none of these. */
export async function answerAuthorities(world: World, asked: RestAsked): Promise<boolean> {
  const match = /^\/authorities\/([\w-]+)(\/cert|\/chain|\/renew)?$/u.exec(asked.route);
  if (match === null) return false;
  await answer(world, asked, match);
  return true;
}

async function answer(
  { lightweight, sessions, authority: { ca }, options }: World,
  { request, response }: RestAsked,
  match: RegExpExecArray,
): Promise<undefined> {
  const light = options.lightweight;
  if (lightweight === undefined || light === undefined || match[1] !== light.id)
    throw new Refusal(404, 'base.ResourceNotFoundException', `CA "${match[1] ?? ''}" not found`);
  switch (match[2]) {
    case '/cert':
      if (light.ready === false) throw new Refusal(404, 'base.ResourceNotFoundException', `Certificate for CA "${light.id}" not available`);
      return send(response, 'application/x-pem-file', pem(lightweight.certificate().der));
    case '/chain':
      return send(
        response,
        'application/x-pem-file',
        `-----BEGIN PKCS7-----\n${pkcs7(lightweight.certificate(), ca.certificate)}\n-----END PKCS7-----\n`,
      );
    case '/renew':
      if (!light.renewable) return html(response, 404);
      if (!sessions.loggedIn(request)) throw new Refusal(403, 'base.ForbiddenException', 'No user principal provided.');
      await lightweight.renew();
      response.writeHead(204).end();
      return undefined;
    case undefined:
    default:
      return json(response, {
        isHostAuthority: false,
        id: match[1],
        parentID: '7077b688-5c6d-4853-b581-0e33192c2eef',
        dn: light.subject,
        enabled: true,
      });
  }
}
