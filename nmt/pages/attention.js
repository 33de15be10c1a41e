"use strict";

/*
 * Attention as a picture: two lines of words, highlighted by weight, and a heat map.
 *
 *   const drawn = drawAttention(container, record, { subwords: false });
 *   drawn.update({ subwords: true });
 *
 * nmt/inspection/attention_data.py writes the records. Weights are in thousandths.
 */

const SPACE = "\u2581";
const CASE_MARK = /^<(?:Aa|AA|AA\+|aa)>$/;
const END_MARK = "</s>";
const DENSE = 28;
const SAID = 4;
const SEEN = 0.0005;
const RTL = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const UPRIGHT = /[\u1100-\u11ff\u2e80-\ua4cf\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef\u{20000}-\u{3ffff}]/u;

/** Return the direction of a text, which is that of its first letter. */
function directionOf(text) {
  const letter = text.match(/\p{L}/u);
  return letter && RTL.test(letter[0]) ? "rtl" : "ltr";
}

/** Return a text without direction marks, and with a circle before a mark that stands alone. */
function visible(text) {
  const tame = text
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, "")
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, "\ufffd");
  const lone = /^\p{M}/u.test(tame) || /^[\p{Cf}\s]*$/u.test(tame);
  return lone ? "\u25cc" + tame : tame;
}

/** Return the units of one side: `text`, `first` subword, `size`, `space` (whether a space is
 * before it). */
function unitsOf(tokens, sizes, subwords) {
  const words = subwords ? tokens.map(() => 1) : sizes;
  let first = 0;
  return words.map((word) => {
    const [size, spelled] = Array.isArray(word) ? word : [word, null];
    const parts = tokens.slice(first, first + size);
    const plain = subwords ? parts[0] : (spelled ?? parts.join("").replaceAll(SPACE, ""));
    const written = parts.find((part) => !CASE_MARK.test(part)) ?? parts[0];
    const unit = { text: visible(plain), first, size, space: first === 0 || written.startsWith(SPACE) };
    first += size;
    return unit;
  });
}

/** Return the units of both sides, with `weights [target][source]` and `probabilities [target]`
 * from 0 to 1. The attention on a source word is the sum over its subwords. The attention of a
 * target word is the mean over its subwords, and its probability is their product. The end mark of
 * the translation is no word. `view` is the number of one of the record's views, or null. */
function attentionOf(record, subwords = false, view = null) {
  const source = unitsOf(record.source, record.source_words, subwords);
  let target = unitsOf(record.target, record.target_words, subwords);
  if (!subwords && record.ended && target.length > 1) target = target.slice(0, -1);
  const all = view === null ? record.weights : record.views[view].weights;
  const probabilities = target.map((unit) => {
    const own = record.probabilities.slice(unit.first, unit.first + unit.size);
    return own.reduce((product, p) => (product * p) / 1000, 1);
  });
  const weights =
    all &&
    target.map((unit) => {
      const rows = all.slice(unit.first, unit.first + unit.size);
      return source.map((column) => {
        let sum = 0;
        for (const row of rows) {
          for (let i = column.first; i < column.first + column.size; i++) sum += row[i];
        }
        return sum / rows.length / 1000;
      });
    });
  return { source, target, weights, probabilities };
}

/** Return a share as a percentage. */
function percent(share) {
  if (share > 0 && share < 0.005) return "<1%";
  return `${Math.round(100 * share)}%`;
}

/** Draw one translation into a container, in place of its content.
 *
 * Options: `subwords` (in place of words), `view` (the number of one of `record.views`, null for
 * all together), `numbers` (hundredths in the cells), `labels` (the names of the lines `source` and
 * `target`). Return `update(options)`, which redraws, and `clear()`. */
function drawAttention(container, record, options = {}) {
  const root = element("div", { class: "attention" });
  const chosen = { subwords: false, view: null, numbers: false, ...options };
  const labels = { source: "Source", target: "Translation", ...options.labels };
  let parts = null;
  let pinned = null;

  function draw() {
    const shown = attentionOf(record, chosen.subwords, chosen.view);
    pinned = null;
    parts = {
      shown,
      source: tokenLine("source", labels.source, shown.source),
      target: tokenLine("target", labels.target, shown.target),
      said: element("p", { class: "said", "aria-live": "polite" }),
      matrix: shown.weights && matrixOf(shown, labels),
    };
    const picture = shown.weights
      ? [parts.said, viewsOf(record, chosen.view, choose), parts.matrix.figure]
      : [];
    root.replaceChildren(parts.target.line, parts.source.line, ...picture);
    root.classList.toggle("numbers", chosen.numbers);
    show(null);
  }

  function update(changes) {
    Object.assign(chosen, changes);
    draw();
  }

  function choose(view) {
    update({ view });
    root.querySelector('.view[aria-pressed="true"]').focus();
  }

  /** Show a place { target, source }, of which one may be null, or nothing for null. */
  function show(place) {
    if (!parts.shown.weights) return;
    light(parts, place);
    parts.matrix.mark(place);
    parts.said.replaceChildren(...sentence(parts.shown, place));
  }

  function pin(place) {
    pinned = pinned && same(pinned, place) ? null : place;
    for (const side of ["source", "target"]) {
      parts[side].tokens.forEach((token, i) => {
        token.setAttribute("aria-pressed", String(pinned !== null && pinned[side] === i));
      });
    }
    show(pinned);
  }

  root.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "touch") show(placeOf(event.target) ?? pinned);
  });
  root.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") show(pinned);
  });
  root.addEventListener("focusin", (event) => show(placeOf(event.target) ?? pinned));
  root.addEventListener("focusout", () => show(pinned));
  root.addEventListener("click", (event) => {
    const place = placeOf(event.target);
    if (place) pin(place);
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") pin(null);
    else keyed(event, parts, pin);
  });
  container.replaceChildren(root);
  draw();
  return { update, clear: () => pin(null) };
}

function same(a, b) {
  return b !== null && a.source === b.source && a.target === b.target;
}

/** Return the place of a node: one unit or two, null for neither. */
function placeOf(node) {
  const owner = node.closest?.("[data-target], [data-source]");
  if (!owner) return null;
  const { target, source } = owner.dataset;
  return {
    target: target === undefined ? null : Number(target),
    source: source === undefined ? null : Number(source),
  };
}

/** Return one line of words, in the direction of its script. The Tab key reaches one of them. */
function tokenLine(side, label, units) {
  const direction = directionOf(units.map((unit) => unit.text).join(" "));
  const holder = element("span", { class: "tokens", role: "group", dir: direction, "aria-label": label });
  const tokens = units.map((unit, i) => {
    if (unit.space && i > 0) holder.append(" ");
    const token = element(
      "span",
      {
        class: unit.text === END_MARK ? "token end" : "token",
        dir: unit.text === END_MARK ? "ltr" : null,
        role: "button",
        tabindex: i === 0 ? "0" : "-1",
        "aria-pressed": "false",
        [`data-${side}`]: i,
      },
      unit.text,
    );
    holder.append(token);
    return token;
  });
  return { line: element("div", { class: "line" }, element("span", { class: "side" }, label), holder), tokens };
}

/** Handle keys: arrows move along a line or to the strongest word of the other, Enter pins. */
function keyed(event, parts, pin) {
  const place = placeOf(event.target);
  if (!place || !event.target.classList.contains("token")) return;
  const side = place.target === null ? "source" : "target";
  const at = place[side];
  const tokens = parts[side].tokens;
  const forward = event.target.parentNode.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  const go = (to, line = tokens) => {
    event.preventDefault();
    const next = line[Math.min(Math.max(to, 0), line.length - 1)];
    line.forEach((token) => token.setAttribute("tabindex", token === next ? "0" : "-1"));
    next.focus();
  };
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    pin(place);
  } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    go(at + (event.key === forward ? 1 : -1));
  } else if (event.key === "Home" || event.key === "End") {
    go(event.key === "Home" ? 0 : tokens.length - 1);
  } else if ((event.key === "ArrowUp" || event.key === "ArrowDown") && parts.shown.weights) {
    const other = side === "source" ? "target" : "source";
    const weights = weightsAt(parts.shown, place);
    go(weights.indexOf(Math.max(...weights)), parts[other].tokens);
  }
}

/** Return the weights of a unit: the row of a target unit, the column of a source unit. */
function weightsAt(shown, place) {
  return place.target === null
    ? shown.weights.map((row) => row[place.source])
    : shown.weights[place.target];
}

/** Highlight the units that a unit attends to, or that attend to it. */
function light(parts, place) {
  const { weights } = parts.shown;
  const target = place?.target ?? null;
  const source = place?.source ?? null;
  const column = target === null && source !== null ? weights.map((row) => row[source]) : [];
  lightLine(parts.target.tokens, target, column);
  lightLine(parts.source.tokens, source, target === null ? [] : weights[target]);
}

function lightLine(tokens, on, weights) {
  tokens.forEach((token, i) => {
    const weight = weights[i] ?? 0;
    token.classList.toggle("on", i === on);
    token.classList.toggle("lit", weight >= SEEN);
    if (weight >= SEEN) {
      token.style.setProperty("--w", weight.toFixed(4));
      token.dataset.weight = weight.toFixed(4);
    } else {
      token.style.removeProperty("--w");
      delete token.dataset.weight;
    }
  });
}

/** Return a sentence about a place, as nodes. */
function sentence(shown, place) {
  if (place === null) return [element("span", { class: "muted" }, "Point at or tap a word to see its attention.")];
  const word = (unit) => element("bdi", { class: "word" }, unit.text);
  if (place.target !== null && place.source !== null) {
    const weight = shown.weights[place.target][place.source];
    return [word(shown.target[place.target]), " attends to ", word(shown.source[place.source]), ` ${percent(weight)}`];
  }
  const fromTarget = place.target !== null;
  const weights = weightsAt(shown, place);
  const others = fromTarget ? shown.source : shown.target;
  const order = weights.map((_, i) => i).filter((i) => weights[i] >= 0.01);
  order.sort((a, b) => weights[b] - weights[a] || a - b);
  const nodes = [
    word(fromTarget ? shown.target[place.target] : shown.source[place.source]),
    fromTarget ? " attends to " : " is attended to by ",
  ];
  order.slice(0, SAID).forEach((i, rank) => {
    nodes.push(rank ? ", " : "", word(others[i]), ` ${percent(weights[i])}`);
  });
  if (!order.length) nodes.push("no word with 1% or more");
  if (fromTarget) {
    nodes.push(element("span", { class: "muted" }, ` \u00b7 probability ${percent(shown.probabilities[place.target])}`));
  }
  return nodes;
}

/** Return the heat map: a table with target units down and source units across, in the direction of
 * the source. */
function matrixOf(shown, labels) {
  const across = shown.source.map((unit, i) =>
    element(
      "th",
      { scope: "col", "data-source": i, title: unit.text, class: UPRIGHT.test(unit.text) ? "upright" : null },
      element("span", { dir: "auto" }, unit.text),
    ),
  );
  const rows = shown.target.map((unit, t) => {
    const cells = shown.weights[t].map((weight, s) => {
      const hundredths = weight < 0.005 ? "" : String(Math.round(100 * weight));
      const cell = element("td", { "data-target": t, "data-source": s, "data-weight": weight.toFixed(4) }, hundredths);
      if (weight >= SEEN) cell.style.setProperty("--w", weight.toFixed(4));
      return cell;
    });
    const name = element("th", { scope: "row", "data-target": t, title: unit.text }, element("bdi", {}, unit.text));
    return { row: element("tr", {}, name, ...cells), name, cells };
  });
  const caption = `Attention in hundredths: ${labels.target.toLowerCase()} down, ${labels.source.toLowerCase()} across`;
  const table = element(
    "table",
    { class: shown.source.length > DENSE ? "matrix dense" : "matrix", dir: directionOf(shown.source.map((unit) => unit.text).join(" ")) },
    element("caption", { class: "hidden" }, caption),
    element("thead", {}, element("tr", {}, element("td"), ...across)),
    element("tbody", {}, ...rows.map(({ row }) => row)),
  );
  const scale = element("figcaption", { class: "scale" }, "0%", element("i", { "aria-hidden": "true" }), "100%");
  let marked = [];

  function mark(place) {
    for (const node of marked) node.classList.remove("on", "across", "down");
    marked = [];
    if (place === null) return;
    const put = (node, name) => {
      node.classList.add(name);
      marked.push(node);
    };
    if (place.source !== null) {
      put(across[place.source], "on");
      for (const { cells } of rows) put(cells[place.source], "down");
    }
    if (place.target !== null) {
      put(rows[place.target].name, "on");
      for (const cell of rows[place.target].cells) put(cell, "across");
    }
    if (place.target !== null && place.source !== null) put(rows[place.target].cells[place.source], "on");
  }

  const wide = element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Heat map" }, table);
  return { figure: element("figure", {}, wide, scale), mark };
}

/** Return thumbnails to choose a view, where there are several. */
function viewsOf(record, chosen, choose) {
  if (!record.views?.length) return "";
  const direction = directionOf(record.source.join(" "));
  const choices = [{ name: "all together", weights: record.weights }, ...record.views];
  const holder = element("div", { class: "views", role: "group", "aria-label": "Attention of" });
  choices.forEach(({ name, weights }, i) => {
    const view = i === 0 ? null : i - 1;
    const pressed = String(chosen === view);
    const choice = element(
      "span",
      { class: "view", dir: direction, role: "button", tabindex: "0", "aria-pressed": pressed },
      thumbnail(weights),
      element("bdi", {}, name),
    );
    choice.addEventListener("click", () => choose(view));
    choice.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose(view);
    });
    holder.append(choice);
  });
  return holder;
}

/** Return weights as a thumbnail. They are a mask over the text colour, for light and dark. */
function thumbnail(weights) {
  const canvas = element("canvas", { width: weights[0]?.length || 1, height: weights.length || 1 });
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  weights.forEach((row, t) =>
    row.forEach((weight, s) => {
      image.data[4 * (t * canvas.width + s) + 3] = Math.min(255, Math.round(weight * 0.255));
    }),
  );
  context.putImageData(image, 0, 0);
  const picture = element("i", { "aria-hidden": "true" });
  picture.style.maskImage = `url(${canvas.toDataURL()})`;
  picture.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
  return picture;
}
