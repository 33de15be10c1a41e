"use strict";

/** Return whether each word is outside the longest common subsequence of both texts. */
function differing(words, others) {
  const rows = words.length + 1;
  const columns = others.length + 1;
  const common = new Uint16Array(rows * columns);
  for (let i = words.length - 1; i >= 0; i--) {
    for (let j = others.length - 1; j >= 0; j--) {
      common[i * columns + j] =
        words[i] === others[j]
          ? common[(i + 1) * columns + j + 1] + 1
          : Math.max(common[(i + 1) * columns + j], common[i * columns + j + 1]);
    }
  }
  const differs = words.map(() => true);
  for (let i = 0, j = 0; i < words.length && j < others.length; ) {
    if (words[i] === others[j]) {
      differs[i] = false;
      i++;
      j++;
    } else if (common[(i + 1) * columns + j] >= common[i * columns + j + 1]) i++;
    else j++;
  }
  return differs;
}

/** Return the words of a text, with punctuation as words of its own. */
function wordsOf(text) {
  return text.match(/[\p{L}\p{M}\p{N}\u200c\u200d'\u2019-]+|[^\s\p{L}\p{M}\p{N}]/gu) ?? [];
}

/** Return a text as nodes, with differences from another text marked. */
function markedText(text, other) {
  const words = wordsOf(text);
  const differs = differing(words, wordsOf(other));
  const nodes = [];
  let end = 0;
  words.forEach((word, i) => {
    const start = text.indexOf(word, end);
    nodes.push(text.slice(end, start), differs[i] ? element("mark", {}, word) : word);
    end = start + word.length;
  });
  nodes.push(text.slice(end));
  return nodes;
}

/** Return the difference of two texts from 0 to 1: the share of their words not in common. */
function difference(text, other) {
  const words = wordsOf(text);
  const others = wordsOf(other);
  if (!words.length && !others.length) return 0;
  const alone = differing(words, others).filter(Boolean).length;
  const common = words.length - alone;
  return 1 - (2 * common) / (words.length + others.length);
}
