/** Owns the call to IMS v2 (Image Management Service API reference) that finds a public image by its name. */
import type { Otc } from './client.ts';

export interface Image {
  readonly id: string;
  readonly name: string;
  /** GB that the system disk must have at least. */
  readonly min_disk: number;
}

/** Public images of exactly this name, the newest first. */
export async function listPublicImages(otc: Otc, name: string): Promise<Image[]> {
  const query = { __imagetype: 'gold', visibility: 'public', status: 'active', name, sort_key: 'created_at', sort_dir: 'desc' };
  return (await otc.get<{ images: Image[] }>('ims', '/v2/cloudimages', { must: { images: [{ id: 'text', min_disk: 'number' }] }, query })).images;
}
