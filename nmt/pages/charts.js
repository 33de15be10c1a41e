/**
 * Charts, drawn in every `figure.chart` from its `data-chart` (see charts.py). This file is common
 * to all kinds. Each kind is a class in its own file, which adds itself to `Charts.kinds`.
 */
const Charts = (() => {
  const HEIGHT = 230;
  const SVG = "http://www.w3.org/2000/svg";
  const kinds = {};
  const groups = new Map();

  function shape(name, attributes, text) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function line(kind, x1, y1, x2, y2) {
    return shape("line", { class: kind, x1, y1, x2, y2 });
  }

  function circle(kind, cx, cy, r) {
    return shape("circle", { class: kind, cx, cy, r });
  }

  const swatch = (series) => element("span", { class: `swatch c${series.colour}` });

  const whole = (value) => value.toLocaleString("en-GB", { maximumFractionDigits: 2 });

  /** Return a number as text for an axis. */
  function short(value) {
    const size = Math.abs(value);
    if (size >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
    if (size >= 1e4) return `${Number((value / 1e3).toPrecision(4))}k`;
    if (size > 0 && size < 1e-4) return value.toExponential(1).replace(/\.0e/, "e");
    return String(Number(value.toPrecision(6)));
  }

  /** Return a number as text for the readout. */
  function precise(value) {
    if (value === null) return "–";
    const size = Math.abs(value);
    if (size > 0 && size < 1e-3) return value.toExponential(2);
    if (size >= 1000 || Number.isInteger(value)) return whole(Math.round(value));
    return Number(value.toPrecision(4)).toString();
  }

  const exact = (value) => Number(value.toPrecision(12));

  /** Return about `wanted` round numbers from low to high. */
  function ticks(low, high, wanted) {
    const rough = (high - low) / Math.max(1, wanted);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.999);
    const first = Math.ceil(low / step - 1e-9);
    const last = Math.floor(high / step + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, i) => exact((first + i) * step));
  }

  /** Return at most six round numbers for a logarithmic axis, including powers of ten. */
  function logTicks(low, high) {
    const from = Math.floor(Math.log10(low));
    const to = Math.ceil(Math.log10(high));
    const powers = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
    const inside = (value) => value >= low * 0.999 && value <= high * 1.001;
    for (const steps of [[1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]) {
      const found = powers.flatMap((power) => steps.map((step) => exact(step * power)));
      const kept = found.filter(inside);
      if (kept.length < 2) return ticks(low, high, 4).filter((value) => value > 0);
      if (kept.length <= 6) return kept;
    }
    const every = Math.ceil(powers.length / 6);
    return powers.filter((power, i) => i % every === 0 && inside(power));
  }

  /** Return a function from values to pixels. */
  function scale(low, high, from, to, log) {
    const turn = log ? Math.log : Number;
    const share = (value) => (turn(value) - turn(low)) / (turn(high) - turn(low));
    return (value) => from + share(value) * (to - from);
  }

  /** Return the lowest and the highest value of an axis, with a margin. */
  function spread(values, log, fromZero) {
    let low = values.reduce((a, b) => Math.min(a, b), Infinity);
    let high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    if (fromZero && !log) [low, high] = [Math.min(0, low), Math.max(0, high)];
    if (log) {
      const room = low === high ? 1.5 : (high / low) ** 0.05;
      return [low / room, high * room];
    }
    if (low === 0 && high === 0) return [0, 1];
    const room = low === high ? Math.abs(low) / 5 : (high - low) * 0.06;
    return [low === 0 && fromZero ? 0 : low - room, high + room];
  }

  /** Return the thing whose value is nearest to `value`, the first among equals. */
  function nearest(things, value, of = (each) => each) {
    const distance = (each) => Math.abs(of(each) - value);
    return things.reduce((best, each) => (distance(each) < distance(best) ? each : best));
  }

  /**
   * The base class of charts: the frame, the tools, the readout, the keyboard. A kind defines its
   * values and their places along x, and draws them.
   */
  class Chart {
    constructor(figure, data) {
      this.figure = figure;
      this.data = data;
      this.hidden = new Set();
      this.at = null;
      this.width = 0;
      if (data.yName) {
        const unit = element("span", { class: "unit" }, data.yName);
        figure.querySelector("figcaption").append(unit);
      }
      this.plot = element("div", { class: "plot" });
      this.readout = element("div", { class: "readout", role: "status", "aria-live": "polite" });
      if (!this.values().length) {
        this.plot.append(element("div", { class: "nothing" }, "nothing to show yet"));
        figure.append(this.plot);
        return;
      }
      this.log = Boolean(data.log) && this.canBeLog();
      this.addLegend();
      figure.append(this.plot);
      this.addScaleButton();
      this.listen();
      if (data.group) groups.set(data.group, [...(groups.get(data.group) || []), this]);
      new ResizeObserver(() => {
        if (this.plot.clientWidth !== this.width) this.draw();
      }).observe(this.plot);
      this.draw();
    }

    shown() {
      return this.data.series.filter((series) => !this.hidden.has(series));
    }

    addLegend() {
      const { series } = this.data;
      if (series.length < 2) return;
      const buttons = series.map((each) => {
        const labels = [swatch(each), each.name];
        const button = element("button", { type: "button", "aria-pressed": "true" }, ...labels);
        button.addEventListener("click", () => {
          if (!this.hidden.delete(each)) this.hidden.add(each);
          if (!this.values().length) this.hidden.delete(each);
          button.setAttribute("aria-pressed", String(!this.hidden.has(each)));
          this.draw();
        });
        return button;
      });
      this.figure.append(element("div", { class: "tools" }, ...buttons));
    }

    addScaleButton() {
      if (!this.canBeLog()) return;
      const button = element("button", { type: "button" }, "log scale");
      const press = () => button.setAttribute("aria-pressed", String(this.log));
      press();
      button.addEventListener("click", () => {
        this.log = !this.log;
        press();
        this.draw();
      });
      this.figure.append(button);
    }

    listen() {
      const { plot, data } = this;
      plot.setAttribute("tabindex", "0");
      plot.setAttribute("role", "group");
      plot.setAttribute("aria-label", `${data.title}: arrow keys move through the values`);
      plot.addEventListener("pointermove", (event) => this.point(event));
      plot.addEventListener("pointerdown", (event) => this.point(event));
      plot.addEventListener("pointerleave", () => this.move(null));
      plot.addEventListener("keydown", (event) => this.key(event));
      plot.addEventListener("blur", () => this.move(null));
    }

    draw() {
      this.width = this.plot.clientWidth;
      if (!this.width) return;
      const svg = shape("svg", {
        height: HEIGHT,
        viewBox: `0 0 ${this.width} ${HEIGHT}`,
        role: "img",
        "aria-label": this.summary(),
      });
      const [low, high] = this.yRange();
      const named = this.log ? logTicks(low, high) : ticks(low, high, 4);
      const left = 14 + 7 * Math.max(...named.map((each) => short(each).length));
      this.box = { left, right: this.width - 12, top: 12, bottom: HEIGHT - 38 };
      this.y = scale(low, high, this.box.bottom, this.box.top, this.log);
      this.makeX();
      this.drawAxes(svg, named);
      this.labels = [];
      this.drawData(svg);
      for (const mark of this.data.marks) this.drawMark(svg, mark);
      this.cursor = shape("g", { class: "cursor" });
      svg.append(this.cursor);
      this.plot.replaceChildren(svg, this.readout);
      this.show(this.at);
    }

    drawAxes(svg, named) {
      const { left, right, bottom } = this.box;
      for (const each of named) {
        const y = this.y(each);
        const place = { class: "y-tick", x: left - 8, y: y + 4, "text-anchor": "end" };
        svg.append(line("grid", left, y, right, y));
        svg.append(shape("text", { ...place, "data-value": each }, short(each)));
      }
      svg.append(line("axis", left, bottom, right, bottom));
      this.drawXTicks(svg);
      const corner = { x: right, y: HEIGHT - 4, "text-anchor": "end" };
      if (this.data.xName) svg.append(shape("text", corner, this.data.xName));
    }

    xTick(svg, x, label) {
      const { bottom } = this.box;
      const place = { class: "x-tick", x, y: bottom + 17, "text-anchor": "middle" };
      svg.append(line("axis", x, bottom, x, bottom + 4));
      svg.append(shape("text", { ...place, "data-value": label }, label));
    }

    /** Draw round numbers along x, as many as fit. */
    drawNumbers(svg, low, high, x) {
      const wanted = Math.max(2, Math.floor((this.box.right - this.box.left) / 90));
      for (const each of ticks(low, high, wanted)) this.xTick(svg, x(each), short(each));
    }

    drawMark(svg, mark) {
      const x = this.markX(mark);
      if (x === null) return;
      const drawn = line("mark", x, this.box.top, x, this.box.bottom);
      drawn.append(shape("title", {}, mark.text));
      svg.append(drawn);
    }

    point(event) {
      const pixel = event.clientX - this.plot.getBoundingClientRect().left;
      this.move(nearest(this.places(), pixel, (place) => this.placeX(place)));
    }

    key(event) {
      const places = this.places();
      const here = this.at === null ? -1 : places.indexOf(nearest(places, this.at));
      const step = event.shiftKey ? 10 : 1;
      const last = places.length - 1;
      const moves = {
        ArrowRight: here < 0 ? 0 : here + step,
        ArrowLeft: here < 0 ? last : here - step,
        Home: 0,
        End: last,
      };
      if (event.key === "Escape") this.move(null);
      if (!(event.key in moves)) return;
      event.preventDefault();
      this.move(places[Math.min(last, Math.max(0, moves[event.key]))]);
    }

    /** Show a place in this chart, and in the charts of the same group. */
    move(at) {
      const all = this.data.group ? groups.get(this.data.group) : [this];
      for (const each of all) {
        each.show(at === null ? null : nearest(each.places(), at), each === this);
      }
    }

    show(at, here = true) {
      this.at = at;
      this.cursor.replaceChildren();
      this.readout.replaceChildren();
      if (at === null) return;
      this.drawCursor(at);
      this.readout.setAttribute("aria-live", here ? "polite" : "off");
      this.readout.append(element("b", {}, this.placeName(at)), ...this.rows(at));
      const middle = this.placeX(at);
      const room = this.readout.offsetWidth;
      const left = middle > this.width / 2 ? middle - room - 12 : middle + 12;
      this.readout.style.left = `${Math.max(0, Math.min(left, this.width - room))}px`;
    }

    row(series, value, note = "") {
      const name = element("span", { class: "name" }, series.name + note);
      const figure = element("span", { class: "value" }, precise(value));
      return element("span", { class: "row" }, swatch(series), name, figure);
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    for (const figure of document.querySelectorAll("figure.chart")) {
      const data = JSON.parse(figure.dataset.chart);
      new kinds[data.kind](figure, data);
    }
  });
  return { Chart, kinds, shape, line, circle, whole, precise, scale, spread, nearest };
})();
