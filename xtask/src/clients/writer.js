// Writes as docs/writers.md says, with the code of that page, which stands above this.
//
// Reads one JSON object a line, `{"do", "id", "record", …}`, and answers with the names that it wrote.

const readline = require('readline');
const {Storage} = require('@google-cloud/storage');

const client = new Storage({projectId: 'clients', apiEndpoint: process.env.EMULATOR_URL});
const bucket = client.bucket(process.env.BUCKET);
const place = ['dev', 'ideas'];
const kept = {};

async function answer(asked) {
  const {id} = asked;
  const actor = 'node';
  if (asked.do === 'read') {
    kept[id] = await readSnapshot(bucket, ...place, id);
    return {etag: etag(kept[id])};
  }
  const record = {...asked.record, actor, origin: 'writers.md'};
  const [name, body] = compose(...place, id, nextTime(kept[id]), record);
  if (asked.do === 'append') {
    // The second time is as after an answer that was lost.
    await append(bucket, name, body);
    await append(bucket, name, body);
    return {name, written: name};
  }
  // One that only claims dies then: it reaches a bucket that takes no records.
  const claims = {
    file: of => {
      const file = bucket.file(of);
      if (asked.do === 'claim' && of.includes('/history/')) file.save = async () => {};
      return file;
    },
  };
  const written = await appendIfCurrent(claims, ...place, id, kept[id], name, body, actor);
  return {name, written};
}

(async () => {
  for await (const line of readline.createInterface({input: process.stdin})) {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  }
})().catch(err => {
  console.error(err.stack);
  process.exit(1);
});
