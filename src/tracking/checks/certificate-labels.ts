import type { Evidence, Refusal } from '../preflight.js';

/** certmonger crashes on a certificate object without CKA_LABEL, anywhere in the store, leaving a new key each round (keygen-n.c:657). */
export function certificateLabels({ stores }: Pick<Evidence, 'stores'>): Refusal[] {
  return stores.flatMap(({ name, certificates }): Refusal[] => {
    const unlabelled = certificates.filter(({ label }) => label === '');
    if (unlabelled.length === 0) return [];
    const ids = unlabelled.map(({ id }) => (id.length === 0 ? '(no CKA_ID)' : Buffer.from(id).toString('hex'))).join(', ');
    return [
      {
        check: 'certificate-labels',
        problem: `${name.replace(/^t/u, 'T')} holds ${unlabelled.length === 1 ? 'a certificate object' : `${String(unlabelled.length)} certificate objects`} without a label (CKA_ID ${ids}); certmonger crashes on such an object and leaves a new key there at each attempt.`,
        fix: 'Give each a label (p11tool --login --set-label=NAME URL), or export it and remove that certificate object.',
      },
    ];
  });
}
