/** A chart of lines over a number, such as curves over updates. */
(() => {
  const { shape, line, circle, whole, precise, scale, spread, nearest } = Charts;
  const MOST_DOTS = 60;
  const known = (series) => series.points.filter(([, y]) => y !== null);
  const heights = (all) => all.flatMap((series) => known(series).map(([, y]) => y));

  Charts.kinds.lines = class extends Charts.Chart {
    values() {
      return heights(this.shown());
    }

    canBeLog() {
      const values = heights(this.data.series);
      return values.length > 0 && values.every((value) => value > 0);
    }

    yRange() {
      return spread(this.values(), this.log, this.data.fromZero);
    }

    places() {
      const all = this.shown().flatMap((series) => series.points.map(([x]) => x));
      return [...new Set(all)].sort((a, b) => a - b);
    }

    makeX() {
      const places = this.places();
      const low = Math.min(0, places[0]);
      const last = places[places.length - 1];
      this.xRange = [low, last === low ? low + 1 : last];
      this.x = scale(...this.xRange, this.box.left, this.box.right, false);
    }

    drawXTicks(svg) {
      this.drawNumbers(svg, ...this.xRange, this.x);
    }

    markX(mark) {
      return mark.x < this.xRange[0] || mark.x > this.xRange[1] ? null : this.x(mark.x);
    }

    drawData(svg) {
      const all = this.shown().map((series) => this.drawSeries(series));
      svg.append(...all);
      for (const series of this.shown()) {
        const best = known(series).find(([x]) => x === series.best);
        if (best) svg.append(this.drawBest(series, ...best));
      }
    }

    drawSeries(series) {
      const name = { class: `series c${series.colour}`, "data-name": series.name };
      const group = shape("g", name);
      let path = "";
      let pen = "M";
      for (const [x, y] of series.points) {
        if (y !== null) path += `${pen}${this.x(x).toFixed(2)} ${this.y(y).toFixed(2)}`;
        pen = y === null ? "M" : "L";
      }
      group.append(shape("path", { class: "curve", d: path }));
      const points = known(series);
      if ((series.dots && points.length <= MOST_DOTS) || points.length === 1) {
        group.append(...points.map(([x, y]) => circle("dot", this.x(x), this.y(y), 3)));
      }
      return group;
    }

    /** Draw the best point and its value, below the values of nearby points. */
    drawBest(series, x, y) {
      const [left, top] = [this.x(x), this.y(y)];
      const place = { x: left, y: top < this.box.top + 22 ? top + 20 : top - 11 };
      const isNear = (other) => Math.abs(other.x - left) < 80 && Math.abs(other.y - place.y) < 15;
      while (this.labels.some(isNear)) place.y += 15;
      this.labels.push(place);
      const anchor = left > this.width - 90 ? "end" : "middle";
      const group = shape("g", { class: `c${series.colour}` });
      const text = { class: "best-text", "text-anchor": anchor, ...place };
      group.append(circle("best", left, top, 5.5), shape("text", text, `best ${precise(y)}`));
      return group;
    }

    placeX(at) {
      return this.x(at);
    }

    placeName(at) {
      return `${this.data.xName} ${whole(at)}`;
    }

    /** Return the point of a line that is nearest to an x, or null. */
    closest(series, at) {
      const points = known(series);
      return points.length ? nearest(points, at, ([x]) => x) : null;
    }

    drawCursor(at) {
      const x = this.x(at);
      this.cursor.append(line("cross", x, this.box.top, x, this.box.bottom));
      for (const series of this.shown()) {
        const hit = this.closest(series, at);
        if (hit === null) continue;
        this.cursor.append(circle(`hit c${series.colour}`, this.x(hit[0]), this.y(hit[1]), 4.5));
      }
    }

    rows(at) {
      const rows = this.shown().flatMap((series) => {
        const hit = this.closest(series, at);
        if (hit === null) return [];
        return [this.row(series, hit[1], hit[0] === at ? "" : ` at ${whole(hit[0])}`)];
      });
      const near = this.data.marks.filter((mark) => Math.abs(this.x(mark.x) - this.x(at)) < 4);
      return [...rows, ...near.map((mark) => element("span", { class: "row note" }, mark.text))];
    }

    summary() {
      const last = this.shown().flatMap((series) => {
        const points = known(series);
        return points.length ? [`${series.name} ${precise(points[points.length - 1][1])}`] : [];
      });
      return `${this.data.title}, at last ${last.join(", ")}`;
    }
  };
})();
