/** Charts: every `figure.chart` draws what its `data-chart` holds, see charts.py. */
(function charts() {
  const HEIGHT = 230;
  const SVG = "http://www.w3.org/2000/svg";
  const groups = new Map();

  function shape(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    if (text !== undefined) made.textContent = text;
    return made;
  }

  const whole = (value) => value.toLocaleString("en-GB", { maximumFractionDigits: 2 });

  function short(value) {
    const size = Math.abs(value);
    if (size >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
    if (size >= 1e4) return `${Number((value / 1e3).toPrecision(4))}k`;
    if (size > 0 && size < 1e-4) return value.toExponential(1).replace(/\.0e/, "e");
    return String(Number(value.toPrecision(6)));
  }

  function precise(value) {
    if (value === null) return "–";
    const size = Math.abs(value);
    if (size > 0 && size < 1e-3) return value.toExponential(2);
    if (size >= 1000 || Number.isInteger(value)) return whole(Math.round(value));
    return Number(value.toPrecision(4)).toString();
  }

  /** Round numbers from low to high, about so many. */
  function ticks(low, high, wanted) {
    const rough = (high - low) / Math.max(1, wanted);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
    const found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(Number((i * step).toPrecision(12)));
    return found;
  }

  function logTicks(low, high) {
    const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
    for (const steps of [[1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]) {
      const found = [];
      for (let power = from; power <= to; power++) {
        for (const step of steps) {
          const value = Number((step * 10 ** power).toPrecision(12));
          if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
        }
      }
      if (found.length <= 6) return found.length > 1 ? found : ticks(low, high, 4).filter((each) => each > 0);
    }
    const every = Math.ceil((to - from) / 5);
    return Array.from({ length: 6 }, (_, i) => 10 ** (from + i * every)).filter((each) => each >= low && each <= high);
  }

  /** From values to pixels. */
  function scale(low, high, from, to, log) {
    if (log) {
      const [a, b] = [Math.log(low), Math.log(high)];
      return (value) => from + ((Math.log(value) - a) / (b - a)) * (to - from);
    }
    return (value) => from + ((value - low) / (high - low)) * (to - from);
  }

  function spread(values, log, fromZero) {
    let low = values.reduce((a, b) => Math.min(a, b), Infinity);
    let high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    if (fromZero && !log) [low, high] = [Math.min(0, low), Math.max(0, high)];
    if (low === high) return log ? [low / 1.5, high * 1.5] : low === 0 ? [0, 1] : [low - Math.abs(low) * 0.2, high + Math.abs(high) * 0.2];
    if (log) return [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
    const room = (high - low) * 0.06;
    return [low === 0 && fromZero ? 0 : low - room, high + room];
  }

  /** What both kinds of chart share: the frame, the tools, what is read off, the keyboard. */
  class Chart {
    constructor(figure, data) {
      this.figure = figure;
      this.data = data;
      this.hidden = new Set();
      this.at = null;
      this.width = 0;
      if (data.yName) figure.querySelector("figcaption").append(element("span", { class: "unit" }, data.yName));
      this.tools = element("div", { class: "tools" });
      this.plot = element("div", { class: "plot" });
      this.readout = element("div", { class: "readout", role: "status", "aria-live": "polite" });
      figure.append(this.tools, this.plot);
      if (!this.values().length) {
        this.tools.remove();
        this.plot.append(element("div", { class: "nothing" }, "nothing to show yet"));
        return;
      }
      this.log = Boolean(data.log) && this.canBeLog();
      this.addTools();
      this.plot.setAttribute("tabindex", "0");
      this.plot.setAttribute("role", "group");
      this.plot.setAttribute("aria-label", `${data.title}: arrow keys move through the values`);
      this.plot.addEventListener("pointermove", (event) => this.point(event));
      this.plot.addEventListener("pointerdown", (event) => this.point(event));
      this.plot.addEventListener("pointerleave", () => this.move(null));
      this.plot.addEventListener("keydown", (event) => this.key(event));
      this.plot.addEventListener("blur", () => this.move(null));
      if (data.group) groups.set(data.group, [...(groups.get(data.group) || []), this]);
      new ResizeObserver(() => {
        if (this.plot.clientWidth !== this.width) this.draw();
      }).observe(this.plot);
      this.draw();
    }

    shown() {
      return this.data.series.filter((series) => !this.hidden.has(series));
    }

    addTools() {
      const { series } = this.data;
      if (series.length > 1) {
        for (const each of series) {
          const button = element("button", { type: "button", "aria-pressed": "true" }, element("span", { class: `swatch c${each.colour}` }), each.name);
          button.addEventListener("click", () => {
            if (!this.hidden.delete(each)) this.hidden.add(each);
            if (!this.values().length) this.hidden.delete(each);
            button.setAttribute("aria-pressed", String(!this.hidden.has(each)));
            this.draw();
          });
          this.tools.append(button);
        }
      }
      if (this.canBeLog()) {
        const button = element("button", { type: "button", class: "scale", "aria-pressed": String(this.log) }, "log scale");
        button.addEventListener("click", () => {
          this.log = !this.log;
          button.setAttribute("aria-pressed", String(this.log));
          this.draw();
        });
        this.figure.append(button);
      }
      if (!this.tools.children.length) this.tools.remove();
    }

    draw() {
      this.width = this.plot.clientWidth;
      if (!this.width) return;
      const svg = shape("svg", { height: HEIGHT, viewBox: `0 0 ${this.width} ${HEIGHT}`, role: "img", "aria-label": this.summary() });
      const [low, high] = this.yRange();
      const yTicks = this.log ? logTicks(low, high) : ticks(low, high, 4);
      const left = 14 + 7 * Math.max(...yTicks.map((each) => short(each).length));
      this.box = { left, right: this.width - 12, top: 12, bottom: HEIGHT - 38 };
      this.y = scale(low, high, this.box.bottom, this.box.top, this.log);
      this.makeX();
      for (const each of yTicks) {
        const y = this.y(each);
        svg.append(shape("line", { class: "grid", x1: left, x2: this.box.right, y1: y, y2: y }));
        svg.append(shape("text", { class: "y-tick", x: left - 8, y: y + 4, "text-anchor": "end", "data-value": each }, short(each)));
      }
      svg.append(shape("line", { class: "axis", x1: left, x2: this.box.right, y1: this.box.bottom, y2: this.box.bottom }));
      this.drawXTicks(svg);
      if (this.data.xName) svg.append(shape("text", { x: this.box.right, y: HEIGHT - 4, "text-anchor": "end" }, this.data.xName));
      this.labels = [];
      this.drawData(svg);
      for (const mark of this.data.marks) this.drawMark(svg, mark);
      this.cursor = shape("g", { class: "cursor" });
      svg.append(this.cursor);
      this.plot.replaceChildren(svg, this.readout);
      this.show(this.at);
    }

    xTick(svg, x, label, anchor = "middle") {
      svg.append(shape("line", { class: "axis", x1: x, x2: x, y1: this.box.bottom, y2: this.box.bottom + 4 }));
      svg.append(shape("text", { class: "x-tick", x, y: this.box.bottom + 17, "text-anchor": anchor, "data-value": label }, label));
    }

    drawMark(svg, mark) {
      const x = this.markX(mark);
      if (x === null) return;
      const line = shape("line", { class: "mark", x1: x, x2: x, y1: this.box.top, y2: this.box.bottom });
      line.append(shape("title", {}, mark.text));
      svg.append(line);
    }

    point(event) {
      const x = event.clientX - this.plot.getBoundingClientRect().left;
      this.move(this.nearest(x));
    }

    key(event) {
      const places = this.places();
      const here = this.at === null ? -1 : places.indexOf(this.nearestPlace(this.at));
      const step = event.shiftKey ? 10 : 1;
      const moves = {
        ArrowRight: here < 0 ? 0 : here + step,
        ArrowLeft: here < 0 ? places.length - 1 : here - step,
        Home: 0,
        End: places.length - 1,
      };
      if (event.key === "Escape") this.move(null);
      if (!(event.key in moves)) return;
      event.preventDefault();
      this.move(places[Math.min(places.length - 1, Math.max(0, moves[event.key]))]);
    }

    nearestPlace(value) {
      return this.places().reduce((best, each) => (Math.abs(each - value) < Math.abs(best - value) ? each : best));
    }

    /** Show a place here, and in the charts of the same group. */
    move(at) {
      const others = this.data.group ? groups.get(this.data.group) : [this];
      for (const each of others) each.show(at === null ? null : each.nearestPlace(at), each === this);
    }

    show(at, here = true) {
      this.at = at;
      this.cursor.replaceChildren();
      this.readout.replaceChildren();
      if (at === null) return;
      this.drawCursor(at);
      this.readout.setAttribute("aria-live", here ? "polite" : "off");
      this.readout.append(element("b", {}, this.placeName(at)), ...this.rows(at));
      const middle = this.placeX(at), room = this.readout.offsetWidth;
      const left = middle > this.width / 2 ? middle - room - 12 : middle + 12;
      this.readout.style.left = `${Math.max(0, Math.min(left, this.width - room))}px`;
    }

    row(series, value, note = "") {
      return element("span", { class: "row" }, element("span", { class: `swatch c${series.colour}` }), element("span", { class: "name" }, series.name + note), element("span", { class: "value" }, precise(value)));
    }
  }

  class Lines extends Chart {
    values() {
      return this.shown().flatMap((series) => series.points.filter((each) => each[1] !== null).map((each) => each[1]));
    }

    canBeLog() {
      const values = this.data.series.flatMap((series) => series.points.map((each) => each[1]).filter((each) => each !== null));
      return values.length > 0 && values.every((each) => each > 0);
    }

    yRange() {
      return spread(this.values(), this.log, this.data.fromZero);
    }

    places() {
      return [...new Set(this.shown().flatMap((series) => series.points.map((each) => each[0])))].sort((a, b) => a - b);
    }

    makeX() {
      const places = this.places();
      let [low, high] = [Math.min(0, places[0]), places[places.length - 1]];
      if (low === high) high = low + 1;
      this.xRange = [low, high];
      this.x = scale(low, high, this.box.left, this.box.right, false);
    }

    drawXTicks(svg) {
      for (const each of ticks(...this.xRange, Math.max(2, Math.floor((this.box.right - this.box.left) / 90)))) this.xTick(svg, this.x(each), short(each));
    }

    markX(mark) {
      return mark.x < this.xRange[0] || mark.x > this.xRange[1] ? null : this.x(mark.x);
    }

    drawData(svg) {
      for (const series of this.shown()) {
        const group = shape("g", { class: `series c${series.colour}`, "data-name": series.name });
        let path = "", pen = "M";
        for (const [x, y] of series.points) {
          path += y === null ? "" : `${pen}${this.x(x).toFixed(2)} ${this.y(y).toFixed(2)}`;
          pen = y === null ? "M" : "L";
        }
        group.append(shape("path", { class: "curve", d: path }));
        const known = series.points.filter((each) => each[1] !== null);
        if ((series.dots && known.length <= 60) || known.length === 1) {
          for (const [x, y] of known) group.append(shape("circle", { class: "dot", cx: this.x(x), cy: this.y(y), r: 3 }));
        }
        svg.append(group);
        const best = known.find((each) => each[0] === series.best);
        if (best) this.drawBest(svg, series, ...best);
      }
    }

    drawBest(svg, series, x, y) {
      const group = shape("g", { class: `c${series.colour}` });
      group.append(shape("circle", { class: "best", cx: this.x(x), cy: this.y(y), r: 5.5 }));
      const far = this.x(x) > this.width - 90;
      const at = [this.x(x), this.y(y) < this.box.top + 22 ? this.y(y) + 20 : this.y(y) - 11];
      while (this.labels.some((each) => Math.abs(each[0] - at[0]) < 80 && Math.abs(each[1] - at[1]) < 15)) at[1] += 15;
      this.labels.push(at);
      group.append(shape("text", { class: "best-text", x: at[0], y: at[1], "text-anchor": far ? "end" : "middle" }, `best ${precise(y)}`));
      svg.append(group);
    }

    nearest(pixel) {
      const places = this.places();
      const [low, high] = this.xRange;
      const value = low + ((pixel - this.box.left) / (this.box.right - this.box.left)) * (high - low);
      return places.reduce((best, each) => (Math.abs(each - value) < Math.abs(best - value) ? each : best));
    }

    placeX(at) {
      return this.x(at);
    }

    placeName(at) {
      return `${this.data.xName} ${whole(at)}`;
    }

    closest(series, at) {
      const known = series.points.filter((each) => each[1] !== null);
      return known.length ? known.reduce((best, each) => (Math.abs(each[0] - at) < Math.abs(best[0] - at) ? each : best)) : null;
    }

    drawCursor(at) {
      this.cursor.append(shape("line", { class: "cross", x1: this.x(at), x2: this.x(at), y1: this.box.top, y2: this.box.bottom }));
      for (const series of this.shown()) {
        const hit = this.closest(series, at);
        if (hit) this.cursor.append(shape("circle", { class: `hit c${series.colour}`, cx: this.x(hit[0]), cy: this.y(hit[1]), r: 4.5 }));
      }
    }

    rows(at) {
      const rows = this.shown().map((series) => {
        const hit = this.closest(series, at);
        return hit ? this.row(series, hit[1], hit[0] === at ? "" : ` at ${whole(hit[0])}`) : "";
      });
      const near = this.data.marks.filter((mark) => Math.abs(this.x(mark.x) - this.x(at)) < 4);
      return [...rows, ...near.map((mark) => element("span", { class: "row note" }, mark.text))];
    }

    summary() {
      const last = this.shown().map((series) => {
        const known = series.points.filter((each) => each[1] !== null);
        return known.length ? `${series.name} ${precise(known[known.length - 1][1])}` : "";
      });
      return `${this.data.title}, at last ${last.filter(Boolean).join(", ")}`;
    }
  }

  class Bars extends Chart {
    values() {
      return this.shown().flatMap((series) => series.values.filter((each) => each !== null));
    }

    canBeLog() {
      const values = this.data.series.flatMap((series) => series.values).filter((each) => each > 0);
      return this.data.edges.length > 0 && values.length > 1 && Math.max(...values) / Math.min(...values) > 100;
    }

    yRange() {
      const values = this.values();
      if (!this.log) return spread(values, false, true);
      const known = values.filter((each) => each > 0);
      return [Math.min(...known) / 2, Math.max(...known) * 1.3];
    }

    places() {
      return this.data.series[0].values.map((_, place) => place);
    }

    makeX() {
      const { edges } = this.data;
      const count = this.data.series[0].values.length;
      this.edge = edges.length
        ? (i) => this.box.left + ((edges[i] - edges[0]) / (edges[count] - edges[0])) * (this.box.right - this.box.left)
        : (i) => this.box.left + (i / count) * (this.box.right - this.box.left);
    }

    drawXTicks(svg) {
      const { edges, labels } = this.data;
      const count = this.data.series[0].values.length;
      if (edges.length) {
        const x = scale(edges[0], edges[count], this.box.left, this.box.right, false);
        for (const each of ticks(edges[0], edges[count], Math.max(2, Math.floor(this.width / 90)))) this.xTick(svg, x(each), short(each));
        return;
      }
      const room = (this.box.right - this.box.left) / count;
      labels.forEach((label, i) => {
        const letters = Math.max(1, Math.floor(room / 7));
        this.xTick(svg, (this.edge(i) + this.edge(i + 1)) / 2, label.length > letters ? `${label.slice(0, Math.max(1, letters - 1))}…` : label);
      });
    }

    markX(mark) {
      const { edges } = this.data;
      if (!edges.length || mark.x < edges[0] || mark.x > edges[edges.length - 1]) return null;
      return this.box.left + ((mark.x - edges[0]) / (edges[edges.length - 1] - edges[0])) * (this.box.right - this.box.left);
    }

    top(value) {
      return value > 0 || !this.log ? Math.min(this.box.bottom, this.y(value)) : this.box.bottom;
    }

    base() {
      return this.log ? this.box.bottom : this.y(0);
    }

    drawData(svg) {
      const shown = this.shown();
      shown.forEach((series, place) => {
        const group = shape("g", { class: `series c${series.colour}`, "data-name": series.name });
        if (this.data.edges.length && shown.length > 1) group.append(this.outline(series));
        else series.values.forEach((value, i) => value !== null && group.append(this.bar(value, i, place, shown.length)));
        svg.append(group);
      });
    }

    bar(value, i, place, count) {
      const room = this.edge(i + 1) - this.edge(i);
      const gap = this.data.edges.length ? Math.min(1, room * 0.2) : room * 0.12;
      const width = (room - 2 * gap) / count;
      const [top, bottom] = [this.top(Math.max(value, 0)), value < 0 ? this.y(value) : this.base()];
      return shape("rect", { class: "column", x: this.edge(i) + gap + place * width, width: Math.max(0.5, width - (count > 1 ? 1 : 0)), y: top, height: Math.max(0, bottom - top) });
    }

    outline(series) {
      let path = `M${this.edge(0).toFixed(2)} ${this.base().toFixed(2)}`;
      series.values.forEach((value, i) => {
        const y = this.top(value ?? 0).toFixed(2);
        path += `L${this.edge(i).toFixed(2)} ${y}L${this.edge(i + 1).toFixed(2)} ${y}`;
      });
      return shape("path", { class: "outline", d: `${path}L${this.edge(series.values.length).toFixed(2)} ${this.base().toFixed(2)}Z` });
    }

    nearest(pixel) {
      return this.places().reduce((best, each) => (Math.abs(this.placeX(each) - pixel) < Math.abs(this.placeX(best) - pixel) ? each : best));
    }

    placeX(at) {
      return (this.edge(at) + this.edge(at + 1)) / 2;
    }

    placeName(at) {
      const { edges, labels, xName } = this.data;
      if (labels.length) return edges.length || !xName ? labels[at] : `${xName}: ${labels[at]}`;
      return `${xName} ${precise(edges[at])} to ${precise(edges[at + 1])}`;
    }

    drawCursor(at) {
      this.cursor.append(shape("rect", { class: "under", x: this.edge(at), width: this.edge(at + 1) - this.edge(at), y: this.box.top, height: this.box.bottom - this.box.top }));
    }

    rows(at) {
      return this.shown().map((series) => this.row(series, series.values[at]));
    }

    summary() {
      return `${this.data.title}: ${this.shown().map((series) => series.name).join(", ")}`;
    }
  }

  const kinds = { lines: Lines, bars: Bars };
  for (const figure of document.querySelectorAll("figure.chart")) {
    const data = JSON.parse(figure.dataset.chart);
    new kinds[data.kind](figure, data);
  }
})();
