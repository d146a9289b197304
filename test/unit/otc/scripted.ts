import type { Auth } from '../../../src/otc/auth.ts';
import { Otc } from '../../../src/otc/client.ts';
import { ServiceFault } from '../../../src/otc/errors.ts';
import { TransportFailure } from '../../../src/otc/transport.ts';
import { Wire } from '../../../src/otc/wire.ts';
import { type Fake, fake, type Scripted } from './fake.ts';

export const open: Auth = { headersFor: async () => ({}), renew: async () => false };

export function client(world: Fake, auth: Auth = open): Otc {
  const wire = new Wire(world.ports);
  return new Otc({
    region: 'eu-de',
    projectId: 'p',
    projectName: 'eu-de',
    domainId: 'd',
    wire,
    auth,
    origin: (service) => `https://${service}.test`,
  });
}

export const script = (...answers: (Scripted | TransportFailure)[]): Fake =>
  fake((_request, index) => {
    const answer = answers[Math.min(index, answers.length - 1)] ?? {};
    if (answer instanceof TransportFailure) throw answer;
    return answer;
  });

export const isFault = (check: (fault: ServiceFault) => boolean) => (error: unknown) => error instanceof ServiceFault && check(error);
