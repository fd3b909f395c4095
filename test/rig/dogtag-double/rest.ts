import { html } from './answers.js';
import type { RestAsked, World } from './asked.js';
import { answerAuthorities } from './rest-authorities.js';
import { answerCertificates } from './rest-certificates.js';
import { answerRequests } from './rest-requests.js';
import { answerReview } from './rest-review.js';

const answers = [answerRequests, answerReview, answerCertificates, answerAuthorities];

/** Both versions of Dogtag's REST interface. */
export async function rest(world: World, asked: RestAsked): Promise<void> {
  for (const answer of answers) if (await answer(world, asked)) return;
  html(asked.response, 404);
}
