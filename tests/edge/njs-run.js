
// Behind the generated function: decides on the requests of a file, one line each.
import fs from 'fs';

// Only what CloudFront's runtime documents: njs 0.7.9 confuses `let` and `const` of a loop around an `await`.
async function run() {
  var requests = JSON.parse(fs.readFileSync('requests.json', 'utf8')), i, decision, value;
  for (i = 0; i < requests.length; i++) {
    decision = begin('GET', requests[i][0], requests[i][1] === null ? undefined : requests[i][1]);
    while (decision.key) {
      value = await lookUp(decision.key);
      decision = step(decision, value);
    }
    console.log(JSON.stringify(decision));
  }
}

run().catch((error) => { console.log('failed: ' + error.stack); });
