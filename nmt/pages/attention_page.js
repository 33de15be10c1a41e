"use strict";

/*
 * The report of `nmt attention --html`: a list of sentences to search and sort, and the chosen
 * sentence, drawn for each model.
 */

const AT_A_TIME = 200;

function attentionPage() {
  const root = document.getElementById("attention");
  const data = pageData();
  const state = { subwords: data.subwords, numbers: data.numbers, shown: AT_A_TIME, current: null };
  const sentences = data.sentences.map((sentence, place) => ({
    ...sentence,
    place,
    searched: searchedText(sentence),
    ...(data.models.length > 1 ? { differs: modelsDiffer(sentence) } : {}),
  }));
  const detail = element("section", { class: "detail", "aria-label": "Sentence" });
  const list = sentences.length > 1 ? sentenceList(data, sentences, state, choose) : null;
  root.classList.toggle("single", list === null);
  root.replaceChildren(...(list ? [list.holder] : []), detail);
  if (!sentences.length) detail.append(element("p", { class: "muted" }, "There are no sentences."));
  else if (list) list.begin();
  else choose(sentences[0]);

  function choose(sentence) {
    state.current = sentence;
    drawSentence(detail, data, sentence, state, list);
  }
}

function searchedText(sentence) {
  const texts = sentence.readings.flatMap((reading) => reading.looks.map((look) => look.text));
  return folded([sentence.text, sentence.reference ?? "", ...texts].join("\n"));
}

function folded(text) {
  return text.normalize("NFC").toLocaleLowerCase();
}

/** Return the greatest difference of a model from the first. */
function modelsDiffer({ readings: [one, ...others] }) {
  return Math.max(...others.map((other) => difference(one.looks[0].text, other.looks[0].text)));
}

/** Return a score as text. An impossible translation has no finite score. */
function scoreText(score, digits) {
  return score === null ? "-\u221e" : score.toFixed(digits);
}

const first = (sentence) => sentence.readings[0];
const best = (sentence) => first(sentence).looks[0];

/** The orders of the list, each with its name and its ascending sort key. */
const ORDERS = {
  order: ["In order", (sentence) => sentence.place],
  low: ["Lowest score first", (sentence) => best(sentence).score ?? -Infinity],
  high: ["Highest score first", (sentence) => -(best(sentence).score ?? -Infinity)],
  long: ["Longest first", (sentence) => -first(sentence).source.length],
  short: ["Shortest first", (sentence) => first(sentence).source.length],
  spread: ["Most spread attention first", (sentence) => -first(sentence).entropy],
  focused: ["Most focused attention first", (sentence) => first(sentence).entropy],
  differ: ["Where the models differ most", (sentence) => -sentence.differs],
};

/** Return the list beside the sentence: `holder`, `begin()` and `step(by)`, which moves to the next
 * or the previous sentence. */
function sentenceList(data, sentences, state, choose) {
  const search = element("input", { type: "search", placeholder: "Search", "aria-label": "Search all texts" });
  const names = Object.keys(ORDERS).filter((name) => name !== "differ" || data.models.length > 1);
  const order = element(
    "select",
    { "aria-label": "Order of sentences" },
    ...names.map((name) => element("option", { value: name }, ORDERS[name][0])),
  );
  const count = element("p", { class: "count muted", role: "status" });
  const rows = element("ul", { class: "rows", role: "listbox", "aria-label": "Sentences", tabindex: "0" });
  const more = element("button", { type: "button", class: "quiet more" }, "Show more");
  const holder = element("nav", { class: "list card", "aria-label": "All sentences" }, search, order, count, rows, more);
  let matching = sentences;

  function arrange() {
    const wanted = folded(search.value.trim());
    const key = ORDERS[order.value][1];
    matching = sentences
      .filter((sentence) => sentence.searched.includes(wanted))
      .map((sentence) => [key(sentence), sentence])
      .sort(([a, x], [b, y]) => (a === b ? 0 : a - b) || x.place - y.place)
      .map(([, sentence]) => sentence);
    count.textContent =
      matching.length === sentences.length
        ? `${sentences.length.toLocaleString("en")} sentences`
        : `${matching.length.toLocaleString("en")} of ${sentences.length.toLocaleString("en")} sentences`;
    state.shown = AT_A_TIME;
    fill();
  }

  function fill() {
    rows.replaceChildren(...matching.slice(0, state.shown).map(row));
    more.hidden = matching.length <= state.shown;
    mark();
  }

  function row(sentence) {
    const facts = [`score ${scoreText(best(sentence).score, 2)}`, `${first(sentence).entropy.toFixed(2)} bits`];
    if (sentence.differs) facts.push(`${Math.round(100 * sentence.differs)}% differ`);
    return element(
      "li",
      { class: "row", role: "option", id: `row-${sentence.place}`, "data-place": sentence.place },
      element("span", { class: "text", dir: "auto" }, sentence.text || "(blank)"),
      element("span", { class: "facts muted" }, `${sentence.number} \u00b7 ${facts.join(" \u00b7 ")}`),
    );
  }

  function mark() {
    for (const each of rows.children) {
      each.setAttribute("aria-selected", String(Number(each.dataset.place) === state.current?.place));
    }
    rows.setAttribute("aria-activedescendant", state.current ? `row-${state.current.place}` : "");
  }

  function go(sentence) {
    choose(sentence);
    mark();
  }

  function step(by) {
    const at = matching.indexOf(state.current);
    const next = matching[at < 0 ? 0 : at + by];
    if (!next) return;
    if (matching.indexOf(next) >= state.shown) {
      state.shown = matching.indexOf(next) + AT_A_TIME;
      fill();
    }
    go(next);
    rows.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }

  search.addEventListener("input", arrange);
  order.addEventListener("change", arrange);
  more.addEventListener("click", () => {
    state.shown += AT_A_TIME;
    fill();
  });
  rows.addEventListener("click", (event) => {
    const chosen = event.target.closest(".row");
    if (chosen) go(sentences[Number(chosen.dataset.place)]);
  });
  rows.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -matching.length, End: matching.length };
    if (!(event.key in steps) || !matching.length) return;
    event.preventDefault();
    const at = Math.max(matching.indexOf(state.current), 0);
    const to = Math.min(Math.max(at + steps[event.key], 0), matching.length - 1);
    if (to !== at) step(to - at);
  });
  function begin() {
    arrange();
    go(sentences[0]);
  }
  return { holder, begin, step };
}

/** Draw one sentence, with the reading of each model side by side. */
function drawSentence(detail, data, sentence, state, list) {
  const drawn = [];
  const columns = sentence.readings.map((reading, i) =>
    drawReading(reading, data.models[i], sentence, state, data.models.length > 1, drawn),
  );
  const toggle = (label, pressed, act) => {
    const button = element("button", { type: "button", "aria-pressed": String(pressed) }, label);
    button.addEventListener("click", () => act(button));
    return button;
  };
  const words = toggle("Words", !state.subwords, () => subwords(false));
  const pieces = toggle("Subwords", state.subwords, () => subwords(true));
  const numbers = toggle("Numbers", state.numbers, (button) => {
    state.numbers = !state.numbers;
    button.setAttribute("aria-pressed", String(state.numbers));
    for (const each of drawn) each.update({ numbers: state.numbers });
  });
  function subwords(wanted) {
    state.subwords = wanted;
    words.setAttribute("aria-pressed", String(!wanted));
    pieces.setAttribute("aria-pressed", String(wanted));
    for (const each of drawn) each.update({ subwords: wanted });
  }
  const step = (label, by) => {
    const button = element("button", { type: "button" }, label);
    button.addEventListener("click", () => list.step(by));
    return button;
  };
  const bar = element(
    "div",
    { class: "bar" },
    element("h2", {}, list ? `Sentence ${sentence.number}` : "Sentence"),
    element("div", { class: "group", role: "group", "aria-label": "Show" }, words, pieces),
    numbers,
    list ? element("div", { class: "group steps", role: "group", "aria-label": "Go to" }, step("Previous", -1), step("Next", 1)) : "",
  );
  detail.replaceChildren(bar, element("div", { class: "columns" }, ...columns));
}

const KINDS = { found: "Translation", given: "Given translation", reference: "Reference" };

/** Return the reading of one model: the chosen translation, and the others to choose from. */
function drawReading(reading, model, sentence, state, named, drawn) {
  const holder = element("article", { class: "card reading" });
  if (named) holder.append(element("h3", { class: "model" }, model));
  if (!reading.looks.some((look) => look.target.length)) {
    holder.append(element("p", { class: "muted" }, sentence.text ? "Nothing to draw." : "A blank line."));
    return holder;
  }
  const place = element("div");
  const reference = element("div");
  const own = { drawing: null };
  drawn.push({ update: (changes) => own.drawing.update(changes) });

  function draw(look) {
    own.drawing = drawAttention(
      place,
      { ...reading, ...look },
      { subwords: state.subwords, numbers: state.numbers, labels: { source: "Source", target: KINDS[look.kind] } },
    );
    reference.replaceChildren(...referenceLine(sentence, look));
  }
  draw(reading.looks[0]);
  holder.append(place, reference);
  if (reading.pieces > 1) {
    holder.append(element("p", { class: "muted" }, `Too long for a picture: translated in ${reading.pieces} segments.`));
  }
  if (reading.looks.length > 1) holder.append(alternatives(reading.looks, draw));
  if (reading.tree) holder.append(treeOf(reading.tree));
  return holder;
}

/** Return the reference, with words marked that the translation lacks. */
function referenceLine(sentence, look) {
  if (sentence.reference === null || look.kind === "reference") return [];
  const text = element("p", { class: "text", dir: "auto" }, ...markedText(sentence.reference, look.text));
  return [element("div", { class: "reference" }, element("span", { class: "side muted" }, "Reference"), text)];
}

/** Return all translations, to choose one. Differences from the first are marked. */
function alternatives(looks, draw) {
  const holder = element("div", { class: "looks", role: "group", "aria-label": "Translations" });
  const rows = looks.map((look, i) => {
    const row = element(
      "div",
      { class: "look", role: "button", tabindex: "0", "aria-pressed": String(i === 0) },
      element("span", { class: "rank muted" }, look.kind === "found" ? String(i + 1) : KINDS[look.kind]),
      element("span", { class: "score number" }, scoreText(look.score, 3)),
      element("span", { class: "text", dir: "auto" }, ...(i ? markedText(look.text, looks[0].text) : [look.text])),
    );
    const choose = () => {
      rows.forEach((other) => other.setAttribute("aria-pressed", String(other === row)));
      draw(look);
    };
    row.addEventListener("click", choose);
    row.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose();
    });
    return row;
  });
  holder.append(...rows);
  return element("section", {}, element("h4", {}, "Translations and their scores"), holder);
}

/** Return the search tree, which is drawn when it is opened. */
function treeOf(tree) {
  const holder = element("div");
  const details = element("details", { class: "search" }, element("summary", {}, "Search tree"), holder);
  details.addEventListener("toggle", () => {
    if (details.open && !holder.firstChild) drawTree(holder, tree);
  });
  return details;
}

attentionPage();
