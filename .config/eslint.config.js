import path from 'node:path';
import tseslint from 'typescript-eslint';

/**
 * The layers, top to bottom; a folder may import what stands below it, and itself. Kept in step with docs/architecture.md.
 * Each entry: folder, and the folders it must not import.
 */
const adapters = ['pkcs11', 'x509', 'nss', 'directory', 'freeipa', 'pki-config', 'ledger'];
/**
 * An adapter stands alone, but for these: the ledger's PIN memory serves logins, and what a directory or a FreeIPA server keeps are
 * certificates.
 */
const mayUse = { ledger: ['pkcs11'], directory: ['x509'], freeipa: ['x509'] };
const layers = {
  'src/cli': [],
  'src/agent': ['cli'],
  'src/doctor': ['cli', 'agent', 'service', 'dbus'],
  'src/diagnosis': ['cli', 'agent', 'doctor', 'service'],
  'src/tracking': ['cli', 'agent', 'doctor', 'diagnosis', 'renewal', 'issuer/token'],
  'src/service': ['cli', 'agent', 'doctor', 'diagnosis', 'tracking', 'dbus'],
  'src/renewal': ['cli', 'agent', 'doctor', 'diagnosis', 'service', 'tracking', 'dbus'],
  'src/issuer': ['cli', 'agent', 'doctor', 'diagnosis', 'service', 'tracking', 'renewal', 'protocol', 'dbus', 'nss'],
  'src/protocol': [
    'cli',
    'agent',
    'doctor',
    'diagnosis',
    'service',
    'tracking',
    'renewal',
    'issuer',
    'config',
    'platform',
    'dbus',
    ...adapters,
  ],
  ...Object.fromEntries(
    adapters.map((adapter) => [
      `src/${adapter}`,
      [
        'cli',
        'agent',
        'doctor',
        'diagnosis',
        'service',
        'tracking',
        'renewal',
        'issuer',
        'protocol',
        'dbus',
        ...adapters.filter((other) => other !== adapter && !(mayUse[adapter] ?? []).includes(other)),
      ],
    ]),
  ),
  'src/config': ['cli', 'agent', 'doctor', 'diagnosis', 'service', 'tracking', 'renewal', 'issuer', 'protocol', 'dbus', ...adapters],
  'src/platform': [
    'cli',
    'agent',
    'doctor',
    'diagnosis',
    'service',
    'tracking',
    'renewal',
    'issuer',
    'protocol',
    'dbus',
    'config',
    ...adapters,
  ],
  dbus: [
    'src/cli',
    'src/agent',
    'src/doctor',
    'src/diagnosis',
    'src/service',
    'src/tracking',
    'src/renewal',
    'src/issuer',
    'src/protocol',
    'src/config',
    ...adapters.map((adapter) => `src/${adapter}`),
  ],
  helpers: [],
};

const pkcs11jsDefault = {
  // A namespace import typechecks, but its members are undefined at run time (CommonJS without named exports).
  name: 'pkcs11js',
  allowImportNames: ['default'],
  message: "Only `import pkcs11js from 'pkcs11js'` works.",
};

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'packaging/no-usocket/', '**/*.mjs', '.config/'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: path.resolve(import.meta.dirname, '..') } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: false }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-restricted-imports': ['error', { paths: [pkcs11jsDefault] }],
      'no-console': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      eqeqeq: 'error',
    },
  },
  ...Object.entries(layers).map(([folder, above]) => ({
    files: [`${folder}/**/*.ts`],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          paths: [pkcs11jsDefault],
          patterns: [
            { regex: '^(\\.\\./)+(test|helpers|packaging)/', message: 'Product code imports neither tests nor entry points.' },
            ...(above.length === 0
              ? []
              : [
                  {
                    regex: `^(\\.\\./)+(src/)?(${above.map((name) => name.replace(/^src\//u, '')).join('|')})(/|$)`,
                    message: `${folder} must not import this: arrows point down only (docs/architecture.md).`,
                  },
                ]),
          ],
        },
      ],
    },
  })),
  {
    files: ['test/**/*.ts', 'packaging/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      'no-console': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
    },
  },
);
