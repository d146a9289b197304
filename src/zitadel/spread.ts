/** Owns how pods of one workload are laid out over zones and nodes. Pure. */

/** Constraints for the pods with these labels: over zones, then nodes, as evenly as there is room. */
export function spread(matchLabels: Readonly<Record<string, string>>): object[] {
  return ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels },
  }));
}

/** The labels by which charts tell their pods apart. */
export function podLabels(name: string, release: string, component?: string): Record<string, string> {
  return {
    'app.kubernetes.io/name': name,
    'app.kubernetes.io/instance': release,
    ...(component === undefined ? {} : { 'app.kubernetes.io/component': component }),
  };
}
