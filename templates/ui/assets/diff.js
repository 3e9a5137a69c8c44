// Differences between two texts, line by line.

/** Beyond so many differing lines only the ends are compared: a browser must stay usable. */
const MOST = 4000;

/** The lines of two texts as `[sign, text]`, where the sign is `" "`, `"-"` or `"+"`. */
export function diffLines(before, after) {
  const a = before.split("\n");
  const b = after.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const middleA = a.slice(head, a.length - tail);
  const middleB = b.slice(head, b.length - tail);
  const middle = middleA.length * middleB.length > MOST * MOST
    ? [...middleA.map((line) => ["-", line]), ...middleB.map((line) => ["+", line])]
    : longestCommon(middleA, middleB);
  const same = (lines) => lines.map((line) => [" ", line]);
  return [...same(a.slice(0, head)), ...middle, ...same(a.slice(a.length - tail))];
}

function longestCommon(a, b) {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] = a[i] === b[j]
        ? lengths[(i + 1) * width + j + 1] + 1
        : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  const lines = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) { lines.push([" ", a[i]]); i += 1; j += 1; }
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) { lines.push(["-", a[i]]); i += 1; }
    else { lines.push(["+", b[j]]); j += 1; }
  }
  while (i < a.length) { lines.push(["-", a[i]]); i += 1; }
  while (j < b.length) { lines.push(["+", b[j]]); j += 1; }
  return lines;
}

/** Leaves out what is the same, but for some lines around every difference; `null` stands for a gap. */
export function withContext(lines, around = 3) {
  const keep = new Uint8Array(lines.length);
  lines.forEach(([sign], at) => {
    if (sign !== " ") keep.fill(1, Math.max(0, at - around), Math.min(lines.length, at + around + 1));
  });
  const kept = [];
  let isGap = false;
  lines.forEach((line, at) => {
    if (keep[at]) { kept.push(line); isGap = false; }
    else if (!isGap) { kept.push(null); isGap = true; }
  });
  return kept;
}
