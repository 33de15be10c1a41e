/** A chart of bars over bins of a number, or over names. */
(() => {
  const { shape, precise, scale, spread } = Charts;
  const WIDE = 100;
  const LETTER = 7;

  Charts.kinds.bars = class extends Charts.Chart {
    values() {
      return this.shown().flatMap((series) => series.values.filter((each) => each !== null));
    }

    canBeLog() {
      const values = this.data.series.flatMap((series) => series.values.filter((each) => each > 0));
      const factor = Math.max(...values) / Math.min(...values);
      return this.data.edges.length > 0 && values.length > 1 && factor > WIDE;
    }

    yRange() {
      const values = this.values();
      if (!this.log) return spread(values, false, true);
      const some = values.filter((each) => each > 0);
      return [Math.min(...some) / 2, Math.max(...some) * 1.3];
    }

    places() {
      return this.data.series[0].values.map((_, place) => place);
    }

    makeX() {
      const { edges, series } = this.data;
      const { left, right } = this.box;
      const count = series[0].values.length;
      this.x = edges.length ? scale(edges[0], edges[count], left, right, false) : null;
      this.edge = (i) => (this.x ? this.x(edges[i]) : left + (i / count) * (right - left));
    }

    drawXTicks(svg) {
      const { edges, labels } = this.data;
      if (this.x) {
        this.drawNumbers(svg, edges[0], edges[edges.length - 1], this.x);
        return;
      }
      const letters = Math.max(2, Math.floor((this.edge(1) - this.edge(0)) / LETTER));
      labels.forEach((label, i) => {
        const cut = label.length > letters ? `${label.slice(0, letters - 1)}…` : label;
        this.xTick(svg, this.placeX(i), cut);
      });
    }

    markX(mark) {
      const { edges } = this.data;
      const inside = this.x && mark.x >= edges[0] && mark.x <= edges[edges.length - 1];
      return inside ? this.x(mark.x) : null;
    }

    /** Return the y of a bar's end. On a logarithmic scale, zero is at the axis. */
    end(value) {
      return this.log && !(value > 0) ? this.box.bottom : Math.min(this.box.bottom, this.y(value));
    }

    drawData(svg) {
      const shown = this.shown();
      const outlined = this.x && shown.length > 1;
      shown.forEach((series, place) => {
        const name = { class: `series c${series.colour}`, "data-name": series.name };
        const group = shape("g", name);
        if (outlined) group.append(this.outline(series));
        else group.append(...this.bars(series, place, shown.length));
        svg.append(group);
      });
    }

    bars(series, place, count) {
      const gap = (room) => (this.x ? Math.min(1, room * 0.2) : room * 0.12);
      const zero = this.end(0);
      return series.values.flatMap((value, i) => {
        if (value === null) return [];
        const room = this.edge(i + 1) - this.edge(i);
        const width = (room - 2 * gap(room)) / count;
        const end = this.end(value);
        const box = {
          x: this.edge(i) + gap(room) + place * width,
          y: Math.min(end, zero),
          width: Math.max(0.5, width - (count > 1 ? 1 : 0)),
          height: Math.abs(zero - end),
        };
        return [shape("rect", { class: "column", ...box })];
      });
    }

    outline(series) {
      const corner = (i, y) => `${this.edge(i).toFixed(2)} ${y.toFixed(2)}`;
      const zero = this.end(0);
      const steps = series.values.map((value, i) => {
        const end = this.end(value ?? 0);
        return `L${corner(i, end)}L${corner(i + 1, end)}`;
      });
      const path = `M${corner(0, zero)}${steps.join("")}L${corner(steps.length, zero)}Z`;
      return shape("path", { class: "outline", d: path });
    }

    placeX(at) {
      return (this.edge(at) + this.edge(at + 1)) / 2;
    }

    placeName(at) {
      const { edges, labels, xName } = this.data;
      if (!labels.length) return `${xName} ${precise(edges[at])} to ${precise(edges[at + 1])}`;
      return this.x || !xName ? labels[at] : `${xName}: ${labels[at]}`;
    }

    drawCursor(at) {
      const { top, bottom } = this.box;
      const [x, right] = [this.edge(at), this.edge(at + 1)];
      const box = { x, y: top, width: right - x, height: bottom - top };
      this.cursor.append(shape("rect", { class: "under", ...box }));
    }

    rows(at) {
      return this.shown().map((series) => this.row(series, series.values[at]));
    }

    summary() {
      const names = this.shown().map((series) => series.name);
      return `${this.data.title}: ${names.join(", ")}`;
    }
  };
})();
