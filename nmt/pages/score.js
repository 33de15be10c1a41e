"use strict";

(function scores() {
  const data = pageData();
  const STEP = 50;
  const colour = (system) => `--colour: var(--series-${(system % 6) + 1})`;
  const points = (value) => (value === null ? "–" : value.toFixed(1));
  let metric = 0;
  let shown = STEP;

  /** Return a chart of rows {label, values, count (optional)}, with a bar for each system. */
  function chart(title, labels, rows, format) {
    const all = rows.flatMap((row) => row.values).filter((value) => value !== null);
    const most = Math.max(...all, 1e-9);
    const head = element("tr", {}, ...labels.map((label, i) => heading(label, i)));
    const bodies = rows.map((row) =>
      element("tbody", {}, ...row.values.map((value, system) => line(row, value, system)))
    );

    function heading(label, i) {
      const counts = i > 0 && i < labels.length - 1;
      return element("th", { scope: "col", class: counts ? "count" : null }, label);
    }
    function line(row, value, system) {
      const span = row.values.length;
      const first = [];
      if (system === 0) {
        first.push(element("th", { scope: "rowgroup", rowspan: span }, row.label));
        if (row.count !== undefined) {
          const count = row.count.toLocaleString("en");
          first.push(element("td", { class: "count", rowspan: span }, count));
        }
      }
      const width = value === null ? 0 : Math.max(0, (100 * value) / most);
      const name = data.systems.length > 1 ? `${data.systems[system]}: ${format(value)}` : null;
      const fill = element("span", { class: "fill", style: `width:${width}%;${colour(system)}` });
      const track = element("div", { class: "track", title: name }, element("div", {}, fill));
      track.append(element("span", { class: "value" }, format(value)));
      return element("tr", {}, ...first, element("td", { class: "bars" }, track));
    }
    const table = element("table", { class: "chart" }, element("thead", {}, head), ...bodies);
    return element("div", { class: "card" }, element("h3", {}, title), table);
  }

  function charts() {
    const { key, name } = data.metrics[metric];
    const made = [];
    const lengths = data.buckets[`${data.lengthOf}_length`].map((row) => ({
      label: row.words,
      count: row.lines,
      values: row[key],
    }));
    const of = `Words of the ${data.lengthOf}`;
    made.push(chart(`${name} by length`, [of, "lines", name], lengths, points));
    if (data.buckets.word_frequency) {
      const words = data.buckets.word_frequency.map((row) => ({
        label: row.seen,
        count: row.reference[0],
        values: row.f1.map((value) => (value === null ? null : 100 * value)),
      }));
      const title = "Words by frequency in the training text";
      made.push(chart(title, ["frequency", "words", "found (F1)"], words, points));
    }
    const spread = data.buckets.sentence_score[key].map((row) => ({
      label: row.points,
      values: row.lines,
    }));
    const lines = (value) => value.toLocaleString("en");
    made.push(chart(`Sentences by their ${name}`, ["points", "sentences"], spread, lines));
    document.getElementById("charts").replaceChildren(...made);
  }

  const buttons = data.metrics.map(({ name }, place) => {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      metric = place;
      choose();
    });
    return button;
  });
  document.getElementById("metrics").append(...buttons);

  function choose() {
    buttons.forEach((button, place) => button.setAttribute("aria-pressed", place === metric));
    charts();
    list();
  }

  const order = document.getElementById("order");
  const system = document.getElementById("system");
  const find = document.getElementById("find");
  const joined = (spans) => spans.map(([text]) => text).join("");
  const worse = () => (data.metrics[metric].less ? -1 : 1);
  const value = (sentence, i) => sentence.scores[i][metric];
  const gap = (sentence) => value(sentence, system.selectedIndex) - value(sentence, 0);
  const orders = {
    "line": (a, b) => a.line - b.line,
    "worst first": (a, b) =>
      worse() * (value(a, system.selectedIndex) - value(b, system.selectedIndex)),
    "best first": (a, b) =>
      worse() * (value(b, system.selectedIndex) - value(a, system.selectedIndex)),
    "longest first": (a, b) => joined(b.reference).length - joined(a.reference).length,
  };
  if (data.systems.length > 1) {
    orders["largest gain over the baseline"] = (a, b) => worse() * (gap(b) - gap(a));
    orders["largest loss against the baseline"] = (a, b) => worse() * (gap(a) - gap(b));
  }
  order.append(...Object.keys(orders).map((name) => element("option", {}, name)));
  system.append(...data.systems.map((name) => element("option", {}, name)));
  document.getElementById("whose").hidden = data.systems.length < 2;
  system.selectedIndex = Math.min(1, data.systems.length - 1);

  const texts = data.sentences.map((sentence) =>
    [
      sentence.source ?? "",
      joined(sentence.reference),
      ...sentence.others,
      ...sentence.hypotheses.map(joined),
    ]
      .join("\n")
      .toLowerCase()
  );

  function found() {
    const wanted = find.value.trim().toLowerCase();
    const kept = data.sentences.filter((_, i) => texts[i].includes(wanted));
    return kept.sort((a, b) => orders[order.value](a, b) || a.line - b.line);
  }

  function marked(spans, name, meaning) {
    if (spans.length === 0) return [element("span", { class: "muted" }, "(blank)")];
    return spans.map(([text, same]) =>
      same ? text : element(name, { class: meaning === "extra" ? "extra" : "missing" }, text)
    );
  }

  function row(name, ...content) {
    return [
      element("dt", { dir: "auto" }, ...name),
      element("dd", { dir: "auto" }, ...content),
    ];
  }

  function card(sentence) {
    const rows = [];
    if (sentence.source !== null) rows.push(...row(["source"], sentence.source));
    rows.push(...row(["reference"], ...marked(sentence.reference, "ins", "missing")));
    for (const other of sentence.others) rows.push(...row(["another"], other));
    sentence.hypotheses.forEach((spans, i) => {
      const key = element("span", { class: "key", style: colour(i) });
      rows.push(...row([key, data.systems[i]], ...marked(spans, "del", "extra")));
      const figures = data.metrics.map(({ name }, m) =>
        element("span", {}, `${name} `, element("b", {}, sentence.scores[i][m].toFixed(1)))
      );
      rows.push(element("dt"), element("dd", {}, element("span", { class: "points" }, ...figures)));
    });
    const number = element("span", { class: "line" }, `line ${sentence.line.toLocaleString("en")}`);
    return element("li", {}, number, element("dl", { class: "texts" }, ...rows));
  }

  function list() {
    const sentences = found();
    document.getElementById("list").replaceChildren(...sentences.slice(0, shown).map(card));
    const more = document.getElementById("more");
    more.hidden = sentences.length <= shown;
    const least = Math.min(shown, sentences.length);
    document.getElementById("count").textContent =
      `${least.toLocaleString("en")} of ${sentences.length.toLocaleString("en")}`;
  }

  document.getElementById("more").addEventListener("click", () => {
    shown += STEP;
    list();
  });
  const anew = () => {
    shown = STEP;
    list();
  };
  order.addEventListener("change", anew);
  system.addEventListener("change", anew);
  find.addEventListener("input", anew);
  choose();
})();
