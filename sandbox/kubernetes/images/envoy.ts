/** Owns the image of Envoy: what it serves depends on who runs it. */
import type { Image } from '../image.ts';
import { contourEnvoy } from './contour.ts';
import { gatewayEnvoy } from './envoy-gateway/envoy.ts';

export const envoy: Image = {
  matches: (reference) => /(^|\/)envoyproxy\/envoy[:@]/.test(reference),
  run: (context) => (context.args.includes('--config-yaml') ? gatewayEnvoy(context) : contourEnvoy(context)),
};
