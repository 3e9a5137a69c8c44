// Decisions of an edge: node route.js EDGE FOLDER; a line [method, path, query] in, a line with the decision out.
'use strict';
const readline = require('readline');
const edges = require('./edges.js');

async function main() {
  const [name, folder] = process.argv.slice(2);
  const edge = edges[name](folder);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [method, path, query] = JSON.parse(line);
    const { status, text, location, kind, file, document } = await edge.decide(method, path, query === null ? undefined : query);
    process.stdout.write(JSON.stringify({ status, text, location, kind, file, document, reads: edge.reads && edge.reads.now }) + '\n');
  }
}

main();
