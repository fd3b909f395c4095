import type { Change } from '../../tracking/plan.js';

/** The request's id as it is to be. */
export function idOf(change: Change): string {
  return change.kind === 'remove' ? change.id : change.request.id;
}

export function nicknameOf(change: Change): { readonly nickname?: string } {
  return change.kind === 'remove' ? {} : { nickname: change.request.nickname };
}

/** What is not as the instance file says, a whole sentence. */
export function described(change: Change): string {
  switch (change.kind) {
    case 'add':
      return `certmonger does not track '${change.request.nickname}'.`;
    case 'modify':
    case 'replace':
      return `The request of '${change.request.nickname}' is not as the instance file says (${change.differences.map(({ field, now, wanted }) => `${field}: ${now ?? 'none'} instead of ${wanted ?? 'none'}`).join(', ')}).`;
    case 'remove':
      return `The request '${change.id}' has no certificate in the instance file.`;
  }
}

export function doneSentence(change: Change): string {
  return change.kind === 'add'
    ? `certmonger tracks '${change.request.nickname}' again, as the instance file says.`
    : `${described(change)} It was set right.`;
}
