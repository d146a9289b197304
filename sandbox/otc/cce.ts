/**
 * Owns the CCE v3 service (API reference chapter 6): its host names, error shape and the list of its calls. Real control
 * planes and nodes stand behind `World.clusters`.
 */
import { addonRoutes } from './cce-addons.ts';
import { startAddons } from './cce-addons-life.ts';
import { clusterRoutes } from './cce-clusters.ts';
import { jobRoute } from './cce-jobs.ts';
import { startClusters } from './cce-life.ts';
import { nodeRoutes } from './cce-nodes.ts';
import { startNodes } from './cce-nodes-life.ts';
import { poolRoutes } from './cce-pools.ts';
import type { Service } from './service.ts';

export const cce: Service = {
  name: 'cce',
  prefixes: ['cce'],
  caseless: true,
  routes: [...clusterRoutes, ...poolRoutes, ...nodeRoutes, jobRoute, ...addonRoutes],
  error(_path, { code, message }) {
    // A missing delegation is told in `message` as well (6.6); clients look for it there.
    const told = / authorize CCE /.test(message) ? { message } : {};
    return { errorCode: code, errorMessage: message, error_code: code, error_msg: message, ...told };
  },
  codes: () => ({ invalid: 'CCE.01400001', forbidden: 'CCE.01403001' }),
  start(world) {
    startClusters(world);
    startNodes(world);
    startAddons(world);
  },
};
