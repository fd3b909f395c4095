import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { contextsOf, gatherSelinux } from '../../../src/cli/doctor/gather/selinux.js';
import { privateDirectory } from '../../rig/directory.js';

test('where the kernel has no SELinux it is off, and nothing is asked', async () => {
  expect(await gatherSelinux(['/etc/passwd'], '/nowhere/enforce')).toEqual({ enforcing: 'off' });
});

test('what stat and matchpathcon say belongs together line by line', () => {
  const actual = 'unconfined_u:object_r:etc_t:s0\nsystem_u:object_r:pki_tomcat_cert_t:s0\n';
  const wanted = 'system_u:object_r:pki_tomcat_cert_t:s0\n<<none>>\n';
  expect(contextsOf(['/a', '/b'], actual, wanted)).toEqual([
    { file: '/a', actual: 'unconfined_u:object_r:etc_t:s0', wanted: 'system_u:object_r:pki_tomcat_cert_t:s0' },
    { file: '/b', actual: 'system_u:object_r:pki_tomcat_cert_t:s0', wanted: undefined },
  ]);
});

test('where it is on and cannot be compared, that is said', async () => {
  const place = privateDirectory();
  const enforce = path.join(place.path, 'enforce');
  writeFileSync(enforce, '1');
  // Without SELinux in the kernel stat knows no context.
  await expect(gatherSelinux(['/etc/passwd'], enforce)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  place.remove();
});
