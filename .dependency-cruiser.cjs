/**
 * The arrows between rooms, checked by `npm run arrows`. Each rule lists what a room may import; everything else in the
 * tree is an error. Type-only imports count: a type is knowledge of a neighbour too.
 */

/** What each room of src/ may import besides itself, Node's own modules and the packages named with it. */
const rooms = {
  'src/secret.ts': [],
  'src/engine': ['src/secret.ts'],
  'src/stack': ['src/secret.ts', 'src/engine/fault.ts'],
  'src/report': ['src/secret.ts', 'src/engine/(fault|outcome|resource).ts'],
  'src/github': ['src/secret.ts', 'src/engine/(fault|other-answer|outcome|resource).ts', 'src/report'],
  'src/otc': ['src/secret.ts', 'src/engine'],
  'src/cloud': ['src/secret.ts', 'src/engine', 'src/otc', 'src/stack'],
  'src/tools': ['src/secret.ts', 'src/engine'],
  'src/kube': ['src/secret.ts', 'src/engine', 'src/tools', 'src/stack'],
  'src/zitadel': ['src/secret.ts', 'src/engine', 'src/kube', 'src/tools', 'src/otc', 'src/stack'],
  'src/graph.ts': ['src/secret.ts', 'src/engine', 'src/cloud', 'src/kube', 'src/zitadel', 'src/stack', 'src/tools', 'src/otc'],
  'src/run': ['src'],
  'src/(main|post)[.]ts': ['src'],
};

/** Packages by room: the toolkit belongs to those that talk to the runner or fetch tools. */
const packages = {
  'src/(secret[.]ts|engine|report)': [],
  'src/cloud': ['fflate', 'dns-packet'],
  'src/(kube|zitadel)': ['yaml'],
  'src/stack': ['yaml', 'valibot'],
  'src/github': ['@actions/core', '@octokit/rest'],
  'src/otc': ['https-proxy-agent'],
  'src/tools': ['@actions', 'ssh2', 'fflate', 'yaml', 'https-proxy-agent'],
};

/** The emulated services: a file belongs to the service whose name it begins with. */
const services = 'iam|vpc|eip|rds|cce|elb|dns|nat|ecs|ims|evs|tms|keypair|security-group|agency';

const pattern = (room) => (room.endsWith('.ts') ? `^${room}$` : `^${room}(/|$)`);

module.exports = {
  forbidden: [
    ...Object.entries(rooms)
      .filter(([, allowed]) => !allowed.includes('src'))
      .map(([room, allowed]) => ({
        name: `room ${room}`,
        comment: `${room} may import ${allowed.join(', ') || 'nothing of src/'}`,
        severity: 'error',
        from: { path: pattern(room) },
        to: { path: '^(src|sandbox|test)/', pathNot: [pattern(room), ...allowed.map(pattern)] },
      })),
    {
      name: 'room unknown',
      comment: 'a file of src/ belongs to a room of the table',
      severity: 'error',
      from: { path: '^src/', pathNot: Object.keys(rooms).map((room) => pattern(room)) },
      to: {},
    },
    ...Object.entries(packages).map(([room, allowed]) => ({
      name: `packages of ${room}`,
      severity: 'error',
      from: { path: `^${room}(/|$)` },
      to: { path: '^node_modules/', pathNot: allowed.map((name) => `^node_modules/${name}/`) },
    })),
    {
      name: 'sandbox stands alone',
      comment: 'the sandbox knows nothing of the action: it is what others are pointed at as well',
      severity: 'error',
      from: { path: '^sandbox/' },
      to: { path: '^(src|test)/' },
    },
    {
      name: 'src stands alone',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(sandbox|test)/' },
    },
    {
      name: 'OTC services ask the store',
      comment: 'one service never imports another; what they share is the store and the plumbing named here',
      severity: 'error',
      from: { path: `^sandbox/otc/(${services})[-.]` },
      to: { path: `^sandbox/otc/(${services})[-.]`, pathNot: ['^sandbox/otc/$1[-.]', '-common[.]ts$'] },
    },
    { name: 'no circles', comment: 'of two files one stands on the other', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolves', severity: 'error', from: { path: '^(src|sandbox|test)/' }, to: { couldNotResolve: true } },
    {
      name: 'no dev packages in src',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: '^node_modules' },
    exclude: { path: '^(dist|[.]build)/' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
