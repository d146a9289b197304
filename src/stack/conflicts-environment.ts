/**
 * Owns what variables in the user's Helm values must not say: ZITADEL's, which win over its files, and the login app's, in its
 * environment or its file. Other conflicts are `conflicts.ts`'s. Value paths of ZITADEL's charts 9.x.
 */
import type { Problem } from './document.ts';
import { isMap, namesSecret, type Values } from './secret-keys.ts';
import { find } from './values.ts';

/** The environment wins over files, and Helm stores it in clear. @param refused settings that may not contradict this action; nothing below them may */
export function environmentConflicts(values: Values, refused: ReadonlySet<string>): Problem[] {
  return variablesAt(values, ['env']).flatMap(({ name, entry, path }): Problem[] => {
    // viper's prefix, and its separator in place of dots
    const [, setting = ''] = /^ZITADEL_([^_]+)/i.exec(name) ?? [];
    if (refused.has(setting.toLowerCase())) {
      return [
        {
          path,
          message: `${name} would override the configuration of this action, since the environment wins over files`,
          hint: 'Set it under zitadel.configmapConfig or zitadel.secretConfig.',
        },
      ];
    }
    if (!namesSecret(entry)) return [];
    return [
      {
        path,
        message: `${name} looks like a secret, and Helm would store it in clear`,
        hint: 'Set it under zitadel.secretConfig, or take it from a Secret with valueFrom.',
      },
    ];
  });
}

/** What the chart tells the login app by its own file; a variable would win over that (chart 9.34.0, configmap_login.yaml). */
const LOGIN_FILE = ['ZITADEL_API_URL', 'ZITADEL_SERVICE_USER_TOKEN_FILE', 'CUSTOM_REQUEST_HEADERS'];
const LOGIN_VARIABLES = [...LOGIN_FILE, 'NEXT_PUBLIC_BASE_PATH'];

export function loginEnvironmentConflicts(values: Values): Problem[] {
  const file = find(values, ['login', 'customConfigmapConfig']);
  const replaced: Problem[] =
    typeof file?.value !== 'string' || file.value === '' || /^\s*(export\s+)?ZITADEL_API_URL\s*=/m.test(file.value)
      ? []
      : [
          {
            path: file.path,
            message: 'the chart writes this in place of its own file for the login app, which without ZITADEL_API_URL does not find ZITADEL',
            hint: `Put variables of your own under login.env, or repeat the chart's own here: ${LOGIN_FILE.join(', ')}.`,
          },
        ];
  const variables = variablesAt(values, ['login', 'env']).flatMap(({ name, path }): Problem[] => {
    if (!LOGIN_VARIABLES.includes(name)) return [];
    return [
      {
        path,
        message: `the chart sets ${name}; with another one the login app does not find ZITADEL, or is not found`,
        hint: 'Remove the line: the chart sets it.',
      },
    ];
  });
  return [...replaced, ...variables];
}

/** The entries of a container's environment that are maps, as Kubernetes has them. */
function variablesAt(values: Values, at: readonly string[]): { readonly name: string; readonly entry: Values; readonly path: Problem['path'] }[] {
  const env = find(values, at);
  return (Array.isArray(env?.value) ? env.value : []).flatMap((entry: unknown, index) =>
    isMap(entry) ? [{ name: String(entry['name']), entry, path: [...(env?.path ?? []), index] }] : [],
  );
}
