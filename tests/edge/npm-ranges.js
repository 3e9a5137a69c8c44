// Says for lines [RANGE, [VERSION, ...]] which versions node-semver finds in the range: `1` or `0` for each, `invalid` for a range
// that it does not read.
const satisfies = require('semver/functions/satisfies')
const valid = require('semver/ranges/valid')

const lines = require('node:fs').readFileSync(0, 'utf8').split('\n')
for (const line of lines.filter((line) => line !== '')) {
  const [range, versions] = JSON.parse(line)
  const answers = versions.map((version) => (satisfies(version, range) ? '1' : '0')).join('')
  console.log(valid(range) === null ? 'invalid' : answers)
}
