"use strict";

/* The page of nmt serve, which translates typed text line by line and offers other words. */
(function serve() {
  const DEBOUNCE = 250;
  const REMEMBERED = 300;
  const HINT = "Click a word of the translation to see alternatives.";
  const MEANINGS = {
    diffuse: "attention is spread over many words",
    uncovered: "source may be partly untranslated",
    repetition: "repeats itself",
    copy: "copies the source",
    length: "unusual length",
    unsure: "low probability",
    unknown: "unknown words in the source",
  };
  const info = pageData();
  const at = (id) => document.getElementById(id);
  const source = at("source");
  const target = at("target");
  const prefix = at("prefix");
  const to = at("to");
  const tag = at("tag");
  const state = at("state");
  const known = new Map();
  let lines = [];
  let selected = 0;
  let subwords = false;
  let pending = null;
  let timer = null;
  let menu = null;

  const names = { source: nameOf(info.source_language), target: "" };
  at("source-name").textContent = names.source;
  source.placeholder = "Type or paste text";
  setLanguage(source, info.source_language);
  offer(to, info.target_languages.map((language) => [language, nameOf(language)]), info.target_language);
  to.hidden = info.target_languages.length < 2;
  at("target-name").classList.toggle("hidden", !to.hidden);
  const untagged = info.requires_tag || info.tag ? [] : [["", "no tag"]];
  offer(tag, [...untagged, ...info.tags.map((name) => [name, name])], info.tag ?? "");
  tag.hidden = !info.tags.length;
  showLanguage();

  /** Fill a selector with values and their names. */
  function offer(node, choices, chosen) {
    node.replaceChildren(...choices.map(([value, name]) => element("option", { value }, name)));
    if (choices.some(([value]) => value === chosen)) node.value = chosen;
  }

  /** Show the chosen target language in headings and on the texts in it. */
  function showLanguage() {
    names.target = nameOf(to.value);
    at("target-name").textContent = names.target;
    document.title = `${names.source} \u2192 ${names.target}`;
    document.querySelector("h1").textContent = document.title;
    setLanguage(target, to.value);
    setLanguage(prefix, to.value);
  }

  function setLanguage(node, language) {
    if (/^[a-z]{2,3}(-[A-Za-z0-9]+)*$/.test(language)) node.lang = language;
    else node.removeAttribute("lang");
  }

  /** Return the members of a request that choose the language and the tag. */
  function selection() {
    return { ...(to.hidden ? {} : { to: to.value }), ...(tag.value ? { tag: tag.value } : {}) };
  }

  /** Return the name of a language, given its code or its name. */
  function nameOf(language) {
    if (!/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(language)) return language;
    try {
      return new Intl.DisplayNames(["en"], { type: "language" }).of(language);
    } catch {
      return language;
    }
  }

  // ---------------------------------------------------------------- requests

  async function ask(path, body, signal) {
    let response;
    try {
      response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Error("The server does not respond. Check that nmt serve is running.");
    }
    const answer = await response.json().catch(() => ({ error: `the server responded with status ${response.status}` }));
    if (!response.ok) throw new Error(answer.error);
    return answer;
  }

  const keyOf = (line) => JSON.stringify([line.text, line.prefix, to.value, tag.value]);

  function remember(key, record) {
    known.delete(key);
    known.set(key, record);
    if (known.size > REMEMBERED) known.delete(known.keys().next().value);
  }

  /** Read the typed lines. The chosen beginning of a line stays at its position. */
  function read() {
    const texts = source.value.split("\n");
    lines = texts.map((text, i) => ({ text, prefix: lines[i]?.prefix ?? "" }));
    selected = Math.min(selected, lines.length - 1);
  }

  async function refresh() {
    pending?.abort();
    pending = new AbortController();
    const { signal } = pending;
    const missing = lines.filter((line) => line.text.trim() && !known.has(keyOf(line)));
    if (!missing.length) {
      say("");
      draw();
      return;
    }
    target.classList.add("waiting");
    say("translating");
    const began = performance.now();
    try {
      await Promise.all(jobsOf(missing).map((job) => translate(job, signal)));
      say(`${Math.round(performance.now() - began)} ms`);
    } catch (error) {
      if (signal.aborted) return;
      say(error.message, true);
    }
    if (!signal.aborted) draw();
  }

  /** Group lines into requests. A line with a chosen beginning is a request of its own. */
  function jobsOf(missing) {
    const plain = missing.filter((line) => !line.prefix);
    const begun = missing.filter((line) => line.prefix).map((line) => [line]);
    return plain.length ? [plain, ...begun] : begun;
  }

  async function translate(job, signal) {
    const body = {
      text: job.map((line) => line.text).join("\n"),
      prefix: job[0].prefix,
      attention: true,
      n_best: Math.min(4, info.beam_size),
      ...selection(),
    };
    const keys = job.map(keyOf);
    const answer = await ask("/api/translate", body, signal);
    answer.translations[0].lines.forEach((record, i) => remember(keys[i], record));
  }

  function say(text, wrong = false) {
    state.textContent = text;
    state.classList.toggle("bad", wrong);
  }

  // ----------------------------------------------------------------- drawing

  const recordOf = (line) => (line?.text.trim() ? known.get(keyOf(line)) : undefined);

  function draw() {
    close();
    target.classList.remove("waiting");
    const blank = lines.every((line) => !line.text.trim());
    target.replaceChildren(...(blank ? [element("p", { class: "muted hint" }, HINT)] : lines.map(row)));
    drawFlags();
    drawSelected();
  }

  function row(line, i) {
    const record = recordOf(line);
    const several = lines.length > 1;
    const holder = element("div", { class: several ? "row several" : "row", dir: "auto" });
    holder.classList.toggle("chosen", several && i === selected);
    if (!record) return holder;
    if (!record.attention) {
      holder.append(record.translation);
      holder.addEventListener("click", () => select(i));
      return holder;
    }
    const units = shownUnits(record);
    const fixed = fixedUnits(units, line.prefix);
    units.forEach((unit, u) => {
      if (unit.space && u > 0) holder.append(" ");
      holder.append(word(unit, i, u, u < fixed));
    });
    holder.dir = directionOf(units.map((unit) => unit.text).join(" "));
    return holder;
  }

  function word(unit, line, place, fixed) {
    return element(
      "span",
      {
        class: fixed ? "word fixed" : "word",
        role: "button",
        tabindex: place === 0 ? "0" : "-1",
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        "data-line": line,
        "data-place": place,
      },
      unit.text,
    );
  }

  /** Return the words or subwords of a translation, without the end mark. */
  function shownUnits(record) {
    const { target: tokens, target_words: sizes, ended } = record.attention;
    const units = unitsOf(tokens, sizes, subwords);
    const last = ended ? units.slice(0, -1) : units;
    return subwords ? last.map((unit) => ({ ...unit, text: unit.text.replaceAll(SPACE, "") || unit.text })) : last;
  }

  const textOf = (units) => units.map((unit, i) => (unit.space && i > 0 ? " " : "") + unit.text).join("");

  /** Return the number of units that a beginning covers. */
  function fixedUnits(units, beginning) {
    const wanted = beginning.trim();
    let count = 0;
    while (wanted && count < units.length && wanted.startsWith(textOf(units.slice(0, count + 1)))) count++;
    return count;
  }

  function drawFlags() {
    const chips = lines.flatMap((line, i) => {
      const record = recordOf(line);
      if (!record) return [];
      const words = record.flags.map((flag) => MEANINGS[flag] ?? flag);
      if (!record.finished) words.push("cut off at the length limit");
      if (record.pieces > 1) words.push(`translated in ${record.pieces} segments`);
      const of = lines.length > 1 ? `line ${i + 1}: ` : "";
      return words.map((text) => element("span", { class: "flag" }, of + text));
    });
    at("flags").replaceChildren(...chips);
  }

  /** Draw the details of the selected line: its beginning, other translations, attention. */
  function drawSelected() {
    const line = lines[selected];
    const record = recordOf(line);
    at("prefix-name").textContent = lines.length > 1 ? `Line ${selected + 1} starts with` : "Starts with";
    if (document.activeElement !== prefix) prefix.value = line?.prefix ?? "";
    at("free").hidden = !line?.prefix;
    const others = (record?.n_best ?? []).filter((other) => other.translation !== record.translation);
    at("more").hidden = !others.length;
    at("others").replaceChildren(...others.map((other) => otherOf(line, record, other)));
    const drawn = record?.attention?.weights ? record.attention : null;
    at("looked").hidden = !drawn;
    if (drawn) drawAttention(at("attention"), drawn, { subwords, labels: names });
    else at("attention").replaceChildren();
  }

  function otherOf(line, record, other) {
    const button = element("button", { type: "button" }, element("bdi", {}, other.translation), element("small", {}, `score ${other.score.toFixed(2)}`));
    button.addEventListener("click", () => {
      remember(keyOf(line), { ...other, n_best: record.n_best });
      draw();
    });
    return element("li", {}, button);
  }

  function select(line) {
    if (line === selected) return;
    selected = line;
    [...target.querySelectorAll(".row")].forEach((row, i) => row.classList.toggle("chosen", lines.length > 1 && i === line));
    drawSelected();
  }

  // ------------------------------------------------------------ alternatives

  async function open(node) {
    close();
    const line = lines[Number(node.dataset.line)];
    const record = recordOf(line);
    const units = shownUnits(record);
    const unit = units[Number(node.dataset.place)];
    select(Number(node.dataset.line));
    const box = element("div", { class: "menu", role: "menu", "aria-label": `Alternatives to ${unit.text}` }, element("p", { class: "muted" }, "searching for alternatives"));
    menu = { box, node, aborter: new AbortController() };
    const mine = menu;
    node.setAttribute("aria-expanded", "true");
    target.parentNode.append(box);
    place(box, node);
    const before = record.attention.target.slice(0, unit.first);
    try {
      const asked = { text: line.text, prefix: before, count: 6, units: subwords ? "subwords" : "words", ...selection() };
      const { alternatives } = await ask("/api/alternatives", asked, menu.aborter.signal);
      if (menu !== mine) return;
      const items = alternatives.map((each) => item(each, line, unit.first, record));
      box.replaceChildren(...items);
      place(box, node);
      items[0]?.focus();
    } catch (error) {
      if (menu === mine) box.replaceChildren(element("p", { class: "bad" }, error.message));
    }
  }

  /** Place a box below its word, within the column. */
  function place(box, node) {
    const column = target.parentNode.getBoundingClientRect();
    const word = node.getBoundingClientRect();
    const rightmost = column.width - box.offsetWidth - 8;
    box.style.left = `${Math.max(8, Math.min(word.left - column.left - 8, rightmost))}px`;
    box.style.top = `${word.bottom - column.top + 6}px`;
  }

  function item(alternative, line, first, current) {
    const units = shownUnits(alternative);
    const ends = alternative.token === "</s>";
    const own = ends ? units.length : units.findIndex((unit) => first < unit.first + unit.size);
    const text = ends ? "(end)" : units[own].text;
    const rest = ends ? "" : textOf(units.slice(own)).slice(text.length);
    const { probability } = alternative;
    const share = probability >= 0.005 ? `${Math.round(100 * probability)}%` : "<1%";
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--p", probability.toFixed(4));
    const button = element(
      "button",
      {
        type: "button",
        role: "menuitemradio",
        "aria-checked": String(current.translation === alternative.translation),
        dir: directionOf(alternative.translation),
      },
      element("span", { class: "text", title: alternative.translation }, element("b", {}, text), rest),
      element("span", { class: "share" }, share),
      bar,
    );
    button.addEventListener("click", () => choose(alternative, line, textOf(units.slice(0, own + 1)), own));
    return button;
  }

  function choose(alternative, line, beginning, unit) {
    line.prefix = beginning;
    remember(keyOf(line), alternative);
    const index = lines.indexOf(line);
    draw();
    say("");
    target.querySelector(`[data-line="${index}"][data-place="${unit}"]`)?.focus();
  }

  function close(focus = false) {
    if (!menu) return;
    const { box, node, aborter } = menu;
    menu = null;
    aborter.abort();
    box.remove();
    node.setAttribute("aria-expanded", "false");
    if (focus) node.focus();
  }

  // ------------------------------------------------------------------ events

  function later() {
    clearTimeout(timer);
    timer = setTimeout(refresh, DEBOUNCE);
  }

  function grow() {
    source.style.height = "auto";
    source.style.height = `${source.scrollHeight}px`;
  }

  source.addEventListener("input", () => {
    grow();
    read();
    later();
  });
  prefix.addEventListener("input", () => {
    if (!lines[selected]) return;
    lines[selected].prefix = prefix.value;
    at("free").hidden = !prefix.value;
    later();
  });
  to.addEventListener("change", () => {
    showLanguage();
    for (const line of lines) line.prefix = "";
    refresh();
  });
  tag.addEventListener("change", refresh);
  at("free").addEventListener("click", () => {
    lines[selected].prefix = "";
    prefix.value = "";
    prefix.focus();
    refresh();
  });
  at("subwords").addEventListener("click", (event) => {
    subwords = !subwords;
    event.currentTarget.setAttribute("aria-pressed", String(subwords));
    draw();
  });
  target.addEventListener("click", (event) => {
    const node = event.target.closest(".word");
    if (node) open(node);
  });
  target.addEventListener("keydown", (event) => {
    const node = event.target.closest(".word");
    if (!node) return;
    const words = [...target.querySelectorAll(".word")];
    const forward = node.parentNode.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      open(node);
    } else if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      words[words.indexOf(node) + (event.key === forward ? 1 : -1)]?.focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (!menu) return;
    const items = [...menu.box.querySelectorAll("button")];
    const now = items.indexOf(document.activeElement);
    const moves = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: items.length - 1 };
    if (event.key === "Escape") close(true);
    else if (event.key === "Tab") close(true);
    else if (event.key in moves && now >= 0) {
      event.preventDefault();
      items[(moves[event.key] + items.length) % items.length].focus();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    if (menu && !menu.box.contains(event.target)) close();
  });
  window.addEventListener("resize", () => {
    grow();
    close();
  });
  read();
  grow();
  refresh();
})();
