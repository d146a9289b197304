/** Owns version discovery of the OpenStack-like services (Nova, IMS, EVS): what clients ask before their first call. */
import { Refusal, type Route } from './service.ts';

export interface Version {
  /** `v2.1` */
  readonly id: string;
  /** Microversions, where the service has them. */
  readonly version?: string;
  readonly min_version?: string;
}

/** `GET /` lists the versions, `GET /<version>/` shows one; the path with a project id has no document. */
export function versionRoutes(versions: readonly Version[]): readonly Route[] {
  const view = (host: string, one: Version): Record<string, unknown> => ({
    id: one.id,
    status: 'CURRENT',
    updated: '2011-01-21T11:33:21Z',
    version: one.version ?? '',
    min_version: one.min_version ?? '',
    links: [{ rel: 'self', href: `https://${host}/${pathOf(one)}/` }],
  });
  return [
    { method: 'GET', path: '/', public: true, handle: (call) => ({ status: 200, body: { versions: versions.map((one) => view(call.host, one)) } }) },
    ...versions.flatMap((one): Route[] => [
      { method: 'GET', path: `/${pathOf(one)}`, public: true, handle: (call) => ({ status: 200, body: { version: view(call.host, one) } }) },
      {
        method: 'GET',
        path: `/${pathOf(one)}/{project_id}`,
        handle() {
          throw new Refusal(404, 'itemNotFound', 'The resource could not be found.');
        },
      },
    ]),
  ];
}

/** `v2.7` of IMS lives below `v2`. */
const pathOf = (one: Version): string => (one.id === 'v2.7' ? 'v2' : one.id);
