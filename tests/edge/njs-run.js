
// Behind the generated function: decides on the requests of a file, one line each.
import fs from 'fs';

async function run() {
  const requests = JSON.parse(fs.readFileSync('requests.json', 'utf8'));
  for (let i = 0; i < requests.length; i++) {
    let decision = begin('GET', requests[i][0], requests[i][1] === null ? undefined : requests[i][1]);
    while (decision.key) {
      const value = await lookUp(decision.key);
      decision = step(decision, value);
    }
    console.log(JSON.stringify(decision));
  }
}

run().catch((error) => { console.log('failed: ' + error.stack); });
