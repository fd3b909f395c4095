import type { Evidence, Refusal } from '../preflight.js';

/** The CA named as the instance must run this installation's helper for this instance. */
export function caRegistered({ instance, cas, submitCommand }: Evidence): Refusal[] {
  const ca = cas.find(({ nickname }) => nickname === instance.name);
  if (ca === undefined)
    return [
      {
        check: 'ca-registered',
        problem: `certmonger knows no CA '${instance.name}'.`,
        fix: `Register it with: hsmonger setup --instance ${instance.name}; or: getcert add-ca -c ${instance.name} -e "${submitCommand}".`,
      },
    ];
  if (ca.externalHelper === submitCommand) return [];
  return [
    {
      check: 'ca-registered',
      problem: `certmonger's CA '${instance.name}' runs ${ca.externalHelper === undefined ? 'no helper' : `"${ca.externalHelper}"`}, not "${submitCommand}".`,
      fix: `Correct it with: hsmonger setup --instance ${instance.name}; or: getcert modify-ca -c ${instance.name} -e "${submitCommand}".`,
    },
  ];
}
