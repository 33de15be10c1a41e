"use strict";

/*
 * A beam search as a picture: the hypotheses that were kept at each step, as a tree of runs of
 * subwords. The rows at the left are the best hypothesis, from top to bottom. The alternatives to
 * each run are indented below it.
 *
 * nmt/inspection/attention_data.py writes the trees. attention.js must come before this file.
 */

const FATES = { pruned: "pruned", cut: "cut off by the length limit", left: "not expanded" };

/** Draw a tree into a container, in place of its content. */
function drawTree(container, tree) {
  const nodes = nodesOf(tree);
  const counts = {};
  for (const node of nodes) counts[node.fate] = (counts[node.fate] ?? 0) + 1;
  const steps = Math.max(0, ...nodes.map((node) => node.time));
  const told = [`${nodes.length} hypotheses in ${steps} steps`];
  for (const fate of ["finished", "pruned", "cut", "left"]) {
    if (counts[fate]) told.push(`${counts[fate]} ${FATES[fate] ?? fate}`);
  }
  const roots = nodes.filter((node) => node.parent < 0);
  const holder = element("div", { class: "tree wide", tabindex: "0", role: "region", "aria-label": "Search tree" });
  holder.append(branch(inOrder(roots)));
  container.replaceChildren(element("p", { class: "told muted" }, `${told.join(", ")}. The best hypothesis is at the left, from top to bottom. Its alternatives are indented.`), holder);
}

/** Return the nodes with their `children`, the `best` rank below them (infinite for none), and the
 * `last` step below them. */
function nodesOf(tree) {
  const nodes = tree.parents.map((parent, i) => ({
    parent,
    piece: tree.pieces[tree.tokens[i]],
    score: tree.scores[i] / 1000,
    fate: tree.fates[tree.fate[i]],
    rank: tree.ranks[i] || null,
    time: parent < 0 ? 1 : 0,
    children: [],
  }));
  nodes.forEach((node) => {
    if (node.parent < 0) return;
    node.time = nodes[node.parent].time + 1;
    nodes[node.parent].children.push(node);
  });
  for (const node of [...nodes].reverse()) {
    const below = node.children.map((child) => child.best);
    node.best = Math.min(node.rank ?? Infinity, ...below);
    node.last = Math.max(node.time, ...node.children.map((child) => child.last));
  }
  nodes.forEach((node) => {
    node.children = inOrder(node.children);
  });
  return nodes;
}

/** Sort nodes by the best rank below them, then by the last step below them. */
function inOrder(nodes) {
  return [...nodes].sort((a, b) => a.best - b.best || b.last - a.last || b.score - a.score);
}

/** Return a list for siblings: the run of the best, the others as its alternatives, and so on from
 * the end of the run. */
function branch(siblings) {
  const rows = element("ul", {});
  while (siblings.length) {
    const [main, ...others] = siblings;
    const run = runFrom(main);
    rows.append(element("li", { class: "run" }, ...described(run)), ...instead(others));
    siblings = run[run.length - 1].children;
  }
  return rows;
}

/** Return a node and its descendants, as far as each has a single child. */
function runFrom(node) {
  const run = [node];
  while (run[run.length - 1].children.length === 1) run.push(run[run.length - 1].children[0]);
  return run;
}

/** Return the alternatives to a run. Branches and finished runs have rows of their own. Other runs
 * are side by side. */
function instead(others) {
  const rows = [];
  const lost = {};
  for (const node of others) {
    const run = runFrom(node);
    const last = run[run.length - 1];
    if (last.children.length) {
      const inner = branch(last.children);
      const details = element("details", { open: true }, element("summary", {}, ...described(run)), inner);
      rows.push(element("li", { class: node.best < Infinity ? "side" : "side lost" }, details));
    } else if (last.rank) {
      rows.push(element("li", { class: "side" }, ...described(run)));
    } else {
      (lost[last.fate] ??= []).push(run);
    }
  }
  for (const [fate, runs] of Object.entries(lost)) {
    const chips = runs.map((run) => element("span", { class: `chip ${fate}` }, ...textAndScore(run)));
    rows.push(element("li", { class: "side lost" }, element("span", { class: "fate muted" }, FATES[fate]), ...chips));
  }
  return rows;
}

/** Return a run with its score and its fate, as nodes. */
function described(run) {
  const last = run[run.length - 1];
  const nodes = textAndScore(run);
  if (last.rank) {
    const place = `${last.fate === "cut" ? "cut off, " : ""}no. ${last.rank}`;
    nodes.push(" ", element("span", { class: last.rank === 1 ? "rank best" : "rank" }, place));
  } else if (last.fate in FATES) {
    nodes.push(" ", element("span", { class: "fate muted" }, FATES[last.fate]));
  }
  return nodes;
}

/** Return the text of a run, its end mark, and the score at its end, as nodes. */
function textAndScore(run) {
  const last = run[run.length - 1];
  const written = run.filter((node) => node.fate !== "finished").map((node) => node.piece);
  const text = written.join("").replaceAll(SPACE, " ").trim();
  const ended = last.fate === "finished";
  const nodes = [];
  if (text || !ended) nodes.push(element("bdi", { class: "text" }, visible(text || "\u2423")), " ");
  if (ended) nodes.push(element("bdi", { class: "text" }, END_MARK), " ");
  nodes.push(element("span", { class: "score number" }, last.score.toFixed(2)));
  return nodes;
}
