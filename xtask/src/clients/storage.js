// Everything that a program does with Cloud Storage through Google's Node client.
//
// Says on standard output how each step ended, one line of JSON for each, and then waits for a
// line on standard input: whoever reads knows which calls were whose.
'use strict';

const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const {isDeepStrictEqual} = require('util');
const {Storage} = require('@google-cloud/storage');

const URL = process.env.EMULATOR_URL;
const FOLDER = process.env.FOLDER;
const LARGE_BYTES = Number(process.env.LARGE_BYTES);
const LARGE = Buffer.alloc(LARGE_BYTES, process.env.PATTERN);
const SMALL = Buffer.from('what a person typed\n');
const PROJECT = 'clients';
const BUCKET = 'node';
const TOPIC = `projects/${PROJECT}/topics/changes`;
const CHUNK_BYTES = 8 * 1024 * 1024;
const ODD_NAME = "odd/a b+c%41!#$&'()*,:;=?@[]~ü東.txt";

const storage = new Storage({projectId: PROJECT, apiEndpoint: URL});
const bucket = storage.bucket(BUCKET);
const seen = {};
const steps = [];

const step = (name, run) => steps.push({name, run});

function shown(value) {
  const text = String(JSON.stringify(value));
  return text.length <= 200 ? text : `${text.slice(0, 200)}... of ${text.length} characters`;
}

function same(what, found, wanted) {
  if (!isDeepStrictEqual(found, wanted)) {
    throw new Error(`${what} is ${shown(found)}, not ${shown(wanted)}`);
  }
}

function holds(what, condition) {
  if (!condition) throw new Error(`not so: ${what}`);
}

// Fails unless `promise` is refused with the status `code`.
async function refused(code, promise) {
  const err = await promise.then(() => null, err => err);
  if (!err) throw new Error(`no error with code ${code}`);
  const found = Number(err.code ?? err.response?.status);
  if (found !== code) throw new Error(`code ${found}, not ${code}: ${err.message}`);
}

async function put(name, data = SMALL, options = {}) {
  const file = bucket.file(name);
  await file.save(data, {resumable: false, contentType: 'text/plain', ...options});
  return file;
}

const names = async query => (await bucket.getFiles(query))[0].map(file => file.name);

const content = async (name, options) => (await bucket.file(name).download(options))[0];

// What a stream gives.
function read(stream) {
  return new Promise((resolve, reject) => {
    const parts = [];
    stream.on('data', part => parts.push(part));
    stream.on('end', () => resolve(Buffer.concat(parts)));
    stream.on('error', reject);
  });
}

step('create a bucket', async () => {
  const [made] = await storage.createBucket(BUCKET, {
    location: 'europe-west1',
    versioning: {enabled: true},
    labels: {team: 'blue'},
    iamConfiguration: {uniformBucketLevelAccess: {enabled: true}},
  });
  const {metadata} = made;
  same('name', [metadata.name, metadata.id], [BUCKET, BUCKET]);
  same('location', metadata.location, 'EUROPE-WEST1');
  same('versioning', metadata.versioning, {enabled: true});
  same('metageneration', metadata.metageneration, '1');
  same('labels', metadata.labels, {team: 'blue'});
  holds('uniform access', metadata.iamConfiguration.uniformBucketLevelAccess.enabled);
});

step('create it again: 409', async () => {
  await refused(409, storage.createBucket(BUCKET));
});

step('get buckets that are and are not there', async () => {
  same('name', (await bucket.getMetadata())[0].name, BUCKET);
  same('exists', (await bucket.exists())[0], true);
  same('missing', (await storage.bucket('missing-bucket').exists())[0], false);
  await refused(404, storage.bucket('missing-bucket').get());
});

step('list buckets', async () => {
  same('all', (await storage.getBuckets())[0].map(it => it.name), [BUCKET]);
  same('by prefix', (await storage.getBuckets({prefix: 'other'}))[0], []);
});

step('patch a bucket', async () => {
  await bucket.setLabels({team: 'green'});
  await bucket.addLifecycleRule({action: {type: 'Delete'}, condition: {numNewerVersions: 3}});
  const [metadata] = await bucket.getMetadata();
  same('labels', metadata.labels, {team: 'green'});
  same('rules', metadata.lifecycle.rule.length, 1);
  same('metageneration', metadata.metageneration, '3');
  await refused(412, bucket.setMetadata({labels: {team: 'red'}}, {ifMetagenerationMatch: 1}));
});

step('read and write the IAM policy of a bucket', async () => {
  const [policy] = await bucket.iam.getPolicy({requestedPolicyVersion: 3});
  holds('etag', policy.etag);
  policy.bindings = [{role: 'roles/storage.objectViewer', members: ['allUsers']}];
  await bucket.iam.setPolicy(policy);
  const [found] = await bucket.iam.getPolicy({requestedPolicyVersion: 3});
  same('role', found.bindings[0].role, 'roles/storage.objectViewer');
});

step('ask for the service account of the project', async () => {
  holds('email', (await storage.getServiceAccount())[0].emailAddress.includes('@'));
});

step('upload a small object', async () => {
  const file = bucket.file('small.txt');
  await file.save(SMALL, {
    resumable: false,
    contentType: 'text/plain',
    metadata: {cacheControl: 'no-store', metadata: {source: 'a person', Language: 'français'}},
  });
  const {metadata} = file;
  same('name', metadata.name, 'small.txt');
  same('size', Number(metadata.size), SMALL.length);
  same('content type', metadata.contentType, 'text/plain');
  same('cache control', metadata.cacheControl, 'no-store');
  same('metadata', metadata.metadata, {source: 'a person', Language: 'français'});
  same('id', metadata.id, `${BUCKET}/small.txt/${metadata.generation}`);
  holds('checksums', metadata.crc32c && metadata.md5Hash);
  seen.first = metadata.generation;
});

step('upload with either checksum, an empty object, and an odd name', async () => {
  await put('sums/md5.txt', SMALL, {validation: 'md5'});
  await put('sums/crc32c.txt', SMALL, {validation: 'crc32c'});
  await put('sums/none.txt', SMALL, {validation: false});
  await put('empty', Buffer.alloc(0));
  same('empty', (await content('empty')).length, 0);
  await put(ODD_NAME);
  same('odd', await content(ODD_NAME), SMALL);
  same('listed', await names({prefix: 'odd/'}), [ODD_NAME]);
});

step('upload with a wrong checksum: 400', async () => {
  const wrong = {metadata: {crc32c: 'AAAAAA=='}, validation: false};
  await refused(400, put('sums/wrong.txt', SMALL, wrong));
  same('stored', (await bucket.file('sums/wrong.txt').exists())[0], false);
});

step('upload 20 MB, not resumable', async () => {
  const file = await put('multipart.bin', LARGE);
  same('size', Number(file.metadata.size), LARGE_BYTES);
});

step('upload 20 MB, resumable, in chunks', async () => {
  const file = bucket.file('large.bin');
  await file.save(LARGE, {resumable: true, chunkSize: CHUNK_BYTES});
  same('size', Number(file.metadata.size), LARGE_BYTES);
});

step('upload 20 MB, resumable, at once', async () => {
  const local = path.join(FOLDER, 'large.bin');
  fs.writeFileSync(local, LARGE);
  const [file] = await bucket.upload(local, {destination: 'at-once.bin', resumable: true});
  same('size', Number(file.metadata.size), LARGE_BYTES);
});

step('go on with a resumable upload', async () => {
  const file = bucket.file('session.txt');
  const [uri] = await file.createResumableUpload({metadata: {contentType: 'text/plain'}});
  holds('uri', uri.startsWith(URL) && uri.includes('upload_id='));
  await new Promise((resolve, reject) => {
    const stream = file.createWriteStream({uri, resumable: true, validation: false});
    stream.on('error', reject).on('finish', resolve).end(SMALL);
  });
  same('content', await content('session.txt'), SMALL);
});

step('download a small object', async () => {
  same('crc32c', await content('small.txt', {validation: 'crc32c'}), SMALL);
  same('md5', await content('small.txt', {validation: 'md5'}), SMALL);
});

step('download 20 MB', async () => {
  holds('in memory', (await content('large.bin')).equals(LARGE));
  const destination = path.join(FOLDER, 'downloaded.bin');
  await bucket.file('multipart.bin').download({destination});
  holds('as a file', fs.readFileSync(destination).equals(LARGE));
});

step('download ranges', async () => {
  const file = bucket.file('large.bin');
  const range = (start, end) => read(file.createReadStream({start, end}));
  same('inside', await range(1000, 1999), LARGE.subarray(1000, 2000));
  same('to the end', await range(LARGE_BYTES - 7), LARGE.subarray(-7));
  same('past the end', await range(LARGE_BYTES - 7, LARGE_BYTES), LARGE.subarray(-7));
  same('the last bytes', await range(undefined, -7), LARGE.subarray(-7));
  await refused(416, range(LARGE_BYTES, LARGE_BYTES + 7));
});

step('store gzip, and read it both ways', async () => {
  const text = Buffer.concat(Array(50).fill(SMALL));
  const stored = zlib.gzipSync(text);
  await put('zipped.txt', stored, {metadata: {contentEncoding: 'gzip'}});
  same('decoded', await content('zipped.txt'), text);
  same('raw', await content('zipped.txt', {decompress: false}), stored);
  await put('zipped-here.txt', text, {gzip: true});
  same('zipped by the client', await content('zipped-here.txt'), text);
});

step('stat objects that are and are not there', async () => {
  const [metadata] = await bucket.file('small.txt').getMetadata();
  same('metadata', metadata.metadata, {source: 'a person', Language: 'français'});
  same('missing', (await bucket.file('missing.txt').exists())[0], false);
  await refused(404, bucket.file('missing.txt').getMetadata());
  await refused(404, content('missing.txt'));
  await refused(404, storage.bucket('missing-bucket').file('a').getMetadata());
});

step('overwrite, and read an old version', async () => {
  const file = await put('small.txt', 'second\n');
  seen.second = file.metadata.generation;
  holds('generation', seen.second !== seen.first);
  const old = bucket.file('small.txt', {generation: seen.first});
  same('old', (await old.download())[0], SMALL);
  same('stat', (await old.getMetadata())[0].generation, seen.first);
  same('live', String(await content('small.txt')), 'second\n');
});

step('list by prefix, delimiter and glob', async () => {
  for (const name of ['a.txt', 'b.json', 'c/1.txt', 'c/2.txt', 'd/']) await put(`tree/${name}`);
  same('prefix', await names({prefix: 'tree/c/'}), ['tree/c/1.txt', 'tree/c/2.txt']);
  const query = {prefix: 'tree/', delimiter: '/', autoPaginate: false};
  const [files, , answer] = await bucket.getFiles(query);
  same('items', files.map(file => file.name), ['tree/a.txt', 'tree/b.json']);
  same('prefixes', answer.prefixes, ['tree/c/', 'tree/d/']);
  const trailing = {prefix: 'tree/', delimiter: '/', includeTrailingDelimiter: true};
  same('trailing', await names(trailing), ['tree/a.txt', 'tree/b.json', 'tree/d/']);
  same('glob', await names({matchGlob: 'tree/**.txt'}), ['tree/a.txt', 'tree/c/1.txt', 'tree/c/2.txt']);
  same('offsets', await names({startOffset: 'tree/b', endOffset: 'tree/c/2'}),
    ['tree/b.json', 'tree/c/1.txt']);
  same('none', await names({prefix: 'nothing/'}), []);
});

step('list in pages', async () => {
  const first = await bucket.getFiles({prefix: 'tree/', maxResults: 2, autoPaginate: false});
  same('first', first[0].map(file => file.name), ['tree/a.txt', 'tree/b.json']);
  holds('token', first[1].pageToken);
  const second = await bucket.getFiles({...first[1], autoPaginate: false});
  same('second', second[0].map(file => file.name), ['tree/c/1.txt', 'tree/c/2.txt']);
  same('at most', (await names({prefix: 'tree/', maxResults: 3})).length, 3);
});

step('list versions', async () => {
  const [files] = await bucket.getFiles({prefix: 'small.txt', versions: true});
  const found = files.map(file => String(file.metadata.generation)).sort();
  same('generations', found, [seen.first, seen.second].map(String).sort());
});

step('patch metadata', async () => {
  const file = bucket.file('small.txt');
  await file.setMetadata({
    contentType: 'text/markdown',
    cacheControl: 'max-age=60',
    metadata: {kept: '1', gone: '2'},
  });
  await file.setMetadata({metadata: {gone: null, added: '3'}});
  const [metadata] = await file.getMetadata();
  same('metadata', metadata.metadata, {kept: '1', added: '3'});
  same('content type', metadata.contentType, 'text/markdown');
  same('cache control', metadata.cacheControl, 'max-age=60');
  same('version', [metadata.generation, metadata.metageneration], [seen.second, '3']);
  await refused(412, file.setMetadata({metadata: {}}, {ifMetagenerationMatch: 1}));
  await refused(404, bucket.file('missing.txt').setMetadata({metadata: {}}));
});

step('compose', async () => {
  const parts = [await put('part-1', 'one '), await put('part-2', 'two\n')];
  const [file] = await bucket.combine(parts, 'composed.txt', {ifGenerationMatch: 0});
  const [metadata] = await file.getMetadata();
  same('components', metadata.componentCount, 2);
  same('md5', metadata.md5Hash, undefined);
  same('content', String(await content('composed.txt')), 'one two\n');
  await refused(412, bucket.combine(parts, 'composed.txt', {ifGenerationMatch: 0}));
  await refused(404, bucket.combine([bucket.file('missing-1'), bucket.file('missing-2')], 'x.txt'));
});

step('copy, which rewrites', async () => {
  const [large] = await bucket.file('large.bin').copy('copies/large.bin');
  holds('content', (await large.download())[0].equals(LARGE));
  const old = bucket.file('small.txt', {generation: seen.first});
  const options = {contentType: 'text/x-restored', metadata: {restored: 'yes'}};
  const [restored] = await old.copy('copies/small.txt', options);
  same('old version', (await restored.download())[0], SMALL);
  const [metadata] = await restored.getMetadata();
  same('metadata', [metadata.contentType, metadata.metadata], ['text/x-restored', {restored: 'yes'}]);
  const absent = {preconditionOpts: {ifGenerationMatch: 0}};
  await refused(412, bucket.file('large.bin').copy('copies/large.bin', absent));
  await refused(404, bucket.file('missing.txt').copy('copies/missing.txt'));
});

step('move and rename', async () => {
  await bucket.file('copies/small.txt').move('copies/moved.txt');
  await bucket.file('copies/moved.txt').rename('copies/renamed.txt');
  await bucket.file('copies/renamed.txt').moveFileAtomic('copies/atomic.txt');
  same('left', await names({prefix: 'copies/'}), ['copies/atomic.txt', 'copies/large.bin']);
  same('content', await content('copies/atomic.txt'), SMALL);
});

step('preconditions: 412', async () => {
  const match = ifGenerationMatch => ({preconditionOpts: {ifGenerationMatch}});
  await refused(412, put('small.txt', SMALL, match(0)));
  await refused(412, put('small.txt', SMALL, match(seen.first)));
  const created = (await put('created.txt', SMALL, match(0))).metadata.generation;
  await put('created.txt', 'again', match(created));
  await refused(412, bucket.file('created.txt').delete({ifGenerationMatch: created}));
  const resumable = {resumable: true, ...match(0)};
  await refused(412, put('created.txt', LARGE, resumable));
});

step('delete', async () => {
  await bucket.file('created.txt').delete();
  await refused(404, bucket.file('created.txt').delete());
  await bucket.file('created.txt').delete({ignoreNotFound: true});
  await bucket.file('small.txt', {generation: seen.first}).delete();
  const [files] = await bucket.getFiles({prefix: 'small.txt', versions: true});
  same('versions', files.map(file => file.metadata.generation), [seen.second]);
  await bucket.deleteFiles({prefix: 'part-'});
  same('left', await names({prefix: 'part-'}), []);
});

step('notifications: create, list, get, delete', async () => {
  same('none', (await bucket.getNotifications())[0], []);
  const [made] = await bucket.createNotification(TOPIC, {
    customAttributes: {team: 'green'},
    eventTypes: ['OBJECT_FINALIZE', 'OBJECT_DELETE'],
    objectNamePrefix: 'tree/',
    payloadFormat: 'JSON_API_V1',
  });
  holds('id', made.id);
  same('listed', (await bucket.getNotifications())[0].map(it => it.id), [made.id]);
  const [metadata] = await bucket.notification(made.id).getMetadata();
  same('topic', metadata.topic, `//pubsub.googleapis.com/${TOPIC}`);
  same('events', metadata.event_types, ['OBJECT_FINALIZE', 'OBJECT_DELETE']);
  same('attributes', metadata.custom_attributes, {team: 'green'});
  await made.delete();
  same('gone', (await made.exists())[0], false);
});

step('delete a bucket: 409 as long as something is in it', async () => {
  await refused(409, bucket.delete());
  const [files] = await bucket.getFiles({versions: true});
  for (const {name, metadata} of files) {
    await bucket.file(name, {generation: metadata.generation}).delete();
  }
  await bucket.delete();
  same('gone', (await bucket.exists())[0], false);
  await refused(404, bucket.delete());
});

// The next line on standard input; false at its end.
function next() {
  const byte = Buffer.alloc(1);
  while (fs.readSync(0, byte, 0, 1, null) === 1) {
    if (byte[0] === 10) return true;
  }
  return false;
}

async function run() {
  for (const {name, run} of steps) {
    const error = await run().then(() => null, err => `${err.code || err.name}: ${err.message}`);
    fs.writeSync(1, JSON.stringify({step: name, error}) + '\n');
    if (!next()) return;
  }
}

run();
