import type { Check } from '../../check.js';
import type { Context } from '../../facts/files.js';
import type { Finding } from '../../finding.js';
import { known, orFine } from '../../known.js';

export const selinuxContexts: Check = {
  source: 'hsmonger.files',
  name: 'SelinuxContexts',
  about: 'Where SELinux is on, each file has the type the policy gives it.',
  run: ({ files }) =>
    known(files, ({ selinux }) => {
      if (!selinux.known)
        return [
          {
            severity: 'warning',
            key: 'selinux',
            message: `SELinux is on, and the files' contexts could not be compared with the policy: ${selinux.why}`,
            fix: 'Install matchpathcon (libselinux-utils), or look with: restorecon -n -v FILE.',
          },
        ];
      const { value } = selinux;
      if (value.enforcing === 'off') return [{ severity: 'success', key: 'selinux', message: 'SELinux is off.' }];
      const severity = value.enforcing === 'yes' ? 'error' : 'warning';
      return orFine(
        value.contexts.filter(differs).map(({ file, actual, wanted }): Finding => ({
          severity,
          key: file,
          message: `${file} has the SELinux type ${typeOf(actual) ?? 'none'}, and the policy wants ${typeOf(wanted ?? '') ?? 'none'}.`,
          fix: `Run: restorecon -v '${file}'.`,
          remedy: { kind: 'restorecon', file },
        })),
        'Every file has the SELinux type the policy gives it.',
        'selinux',
      );
    }),
};

/** restorecon compares types alone, too. */
function differs({ actual, wanted }: Context): boolean {
  return wanted !== undefined && typeOf(actual) !== typeOf(wanted);
}

function typeOf(context: string): string | undefined {
  return context.split(':')[2];
}
