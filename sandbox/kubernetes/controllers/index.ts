/** Owns the list of controllers that every CCE cluster brings along. */
import type { Controller } from '../image.ts';
import { cloudController } from './cloud-controller.ts';

export const controllers: readonly Controller[] = [cloudController];
