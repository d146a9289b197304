/** Owns the list of images that the registries of the inside offer; whatever none of them matches does not exist there. */
import type { Image } from '../image.ts';
import { alpineK8s } from './alpine-k8s.ts';
import { certManagerCainjector } from './cert-manager/cainjector.ts';
import { certManagerController } from './cert-manager/controller.ts';
import { certManagerStartupApiCheck, certManagerWebhook } from './cert-manager/webhook.ts';
import { webhookCertgen } from './certgen.ts';
import { contour } from './contour.ts';
import { envoy } from './envoy.ts';
import { envoyGateway } from './envoy-gateway/image.ts';
import { externalDns } from './external-dns.ts';
import { externalDnsWebhook } from './external-dns-webhook.ts';
import { haproxy } from './haproxy.ts';
import { ingressNginx } from './ingress-nginx.ts';
import { otcSolver } from './otc-solver.ts';
import { psql } from './psql.ts';
import { wait4x } from './wait4x.ts';
import { zitadelLogin } from './zitadel/login.ts';
import { zitadel } from './zitadel/zitadel.ts';

export const images: readonly Image[] = [
  zitadel,
  zitadelLogin,
  alpineK8s,
  wait4x,
  psql,
  contour,
  envoyGateway,
  envoy,
  ingressNginx,
  webhookCertgen,
  haproxy,
  certManagerController,
  certManagerWebhook,
  certManagerCainjector,
  certManagerStartupApiCheck,
  otcSolver,
  externalDns,
  externalDnsWebhook,
];
