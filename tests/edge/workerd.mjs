// A site served by the Worker in Cloudflare's own runtime: node workerd.mjs FOLDER SITE ADDRESS
//
// FOLDER is the generated folder, SITE the document root, whose files are put into an R2 bucket of the runtime.
import fs from 'node:fs';
import path from 'node:path';
import { Miniflare } from 'miniflare';

const [folder, site, address] = process.argv.slice(2);
const [host, port] = address.split(':');

function* files(below) {
  for (const entry of fs.readdirSync(path.join(site, below), { withFileTypes: true })) {
    const name = path.posix.join(below, entry.name);
    if (entry.isDirectory()) yield* files(name);
    else yield name;
  }
}

const bucket = { name: 'site', folder: 'root/' };
const options = {
  modules: [
    { type: 'ESModule', path: 'worker.js', contents: fs.readFileSync(path.join(folder, 'worker.js'), 'utf8') },
    { type: 'Text', path: 'tables.txt', contents: fs.readFileSync(path.join(folder, 'tables.txt'), 'utf8') },
  ],
  compatibilityDate: '2024-09-23',
  r2Buckets: { SITE: bucket.name },
  bindings: { FOLDER: bucket.folder },
};

// Filled before it listens on the address: the test takes a connection for a sign that all is there.
const filling = new Miniflare({ ...options, r2Persist: process.env.R2_FOLDER, host });
const target = await filling.getR2Bucket('SITE');
const names = [...files('')];
while (names.length)
  await Promise.all(names.splice(0, 40).map((name) => target.put(bucket.folder + name, fs.readFileSync(path.join(site, name)))));
await filling.dispose();

const serving = new Miniflare({ ...options, r2Persist: process.env.R2_FOLDER, host, port: Number(port) });
await serving.ready;
process.on('SIGTERM', async () => {
  await serving.dispose();
  process.exit(0);
});
