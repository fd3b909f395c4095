import type { Check } from '../../check.js';
import type { Finding } from '../../finding.js';

/** Answers for the facts of the token: a module that crashes or hangs takes all of them with it. */
export const moduleLoads: Check = {
  source: 'hsmonger.module',
  name: 'ModuleLoads',
  about: 'The PKCS#11 module is there, can be changed by root alone, loads and initialises as the service user.',
  run({ instance, token }): readonly Finding[] {
    const module = instance.token?.module;
    if (module === undefined) return [{ severity: 'success', key: 'none', message: `Instance '${instance.name}' uses no PKCS#11 module.` }];
    if (!token.known)
      return [
        {
          severity: 'critical',
          key: module,
          message: token.why,
          fix: `Check the module ${module} with the vendor's own tools, as user '${instance.user}'.`,
        },
      ];
    const sound = token.value === 'none' ? { ok: true as const } : token.value.module;
    if (sound.ok) return [{ severity: 'success', key: module, message: `The PKCS#11 module ${module} loads.` }];
    const fix =
      sound.code === 'MODULE_UNSAFE'
        ? `Install ${module}, and every directory and link on the way to it, as root's, writable by root alone.`
        : sound.code === 'MODULE_NOT_FOUND'
          ? `Install the vendor's library, or correct 'token.module' in ${instance.file}.`
          : `See that the HSM (or its daemon) is up and the module's own configuration is where it looks for it ('token.environment' and 'token.parameters' in ${instance.file}), as user '${instance.user}' sees it; else reinstall the vendor's software.`;
    return [{ severity: 'critical', key: module, message: sound.problem, fix }];
  },
};
