/** Owns the door of this room: the chart repositories' sites. */
export { chartSites } from './sites.ts';
