import type { Instance } from '../../../config/instance.js';
import { requestIds } from '../../../config/request-id.js';
import type { CertmongerFacts } from '../../facts/certmonger.js';

type Request = CertmongerFacts['requests'][number];

/** The instance's requests that certmonger has, each with its certificate's nickname. */
export function ourRequests(instance: Instance, requests: readonly Request[]): { readonly nickname: string; readonly request: Request }[] {
  return [...requestIds(instance)].flatMap(([nickname, id]) => {
    const request = requests.find((one) => one.nickname === id);
    return request === undefined ? [] : [{ nickname, request }];
  });
}
