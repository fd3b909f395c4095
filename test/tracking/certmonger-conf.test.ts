import { expect, test } from 'vitest';
import { defaultsOf, isNothing, parseCertmongerConf } from '../../src/tracking/certmonger-conf.js';

test('the limits are read from [defaults] alone', () => {
  expect(
    parseCertmongerConf(
      '# comment\n[defaults]\nnotify_ttls = 1d\nmax_key_lifetime = 1y\n max_key_use_count=3 \n[selfsign]\nmax_key_use_count = 9\n',
    ),
  ).toEqual({ maxKeyLifetime: '1y', maxKeyUseCount: '3' });
  expect(parseCertmongerConf('max_key_lifetime = 1y\n[Defaults]\nmax_key_lifetime = 1y\n[selfsign]\nmax_key_use_count = 9')).toEqual({});
  expect(parseCertmongerConf('[defaults]\n#max_key_lifetime = 1y\n;max_key_use_count = 1\nMAX_KEY_LIFETIME = 1y\r\n')).toEqual({});
  expect(parseCertmongerConf('')).toEqual({});
});

test('of two lines with one key the one that counts is not hidden by one that does not', () => {
  expect(parseCertmongerConf('[defaults]\nmax_key_use_count = 3\nmax_key_use_count = 0\n')).toEqual({ maxKeyUseCount: '3' });
  expect(parseCertmongerConf('[defaults]\r\nmax_key_use_count = 0\r\n[x]\n[defaults]\nmax_key_use_count = 3\r\n')).toEqual({
    maxKeyUseCount: '3',
  });
});

test('nothing and zero mean no limit', () => {
  expect(['', '0', '00', '1', '0d', '28d'].map(isNothing)).toEqual([true, true, true, false, false, false]);
});

test('every key of [defaults] is there, with its value', () => {
  expect([...defaultsOf('[defaults]\nenroll_ttls = 28d, 7d\ndigest=sha256\n[selfsign]\nvalidity_period = 1y\n')]).toEqual([
    ['enroll_ttls', '28d, 7d'],
    ['digest', 'sha256'],
  ]);
});
