"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const summary = data.summary;
  const byId = (id) => document.getElementById(id);
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const swatch = (colour) => {
    const box = make("span", "swatch");
    box.style.background = colour;
    return box;
  };
  const number = (value, digits = 0) =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const area = (m2) => (m2 >= 1e4 ? number(m2 / 1e4, m2 < 1e5 ? 2 : 1) + " ha" : number(m2) + " m²");
  const percent = (share) => number(100 * share) + " %";

  // ---------- the words and figures; they need no WebGL ----------
  byId("title").textContent = data.title;
  byId("place").textContent = data.place;
  byId("note").textContent = data.note;
  byId("note").hidden = !data.note;
  byId("tag-before").append("Before", make("i", "", data.before));
  byId("tag-after").append("After", make("i", "", data.after));

  const total = data.levels.reduce((sum, level) => sum + summary.buildings[level.name].count, 0);
  const hidden = new Set();
  for (const level of data.levels) {
    const { count, area_m2 } = summary.buildings[level.name];
    const part = make("span");
    part.style.cssText = `flex:${count};background:${level.colour}`;
    byId("bar").append(part);
    const row = make("tr");
    const label = make("label");
    const tick = make("input");
    tick.type = "checkbox";
    tick.checked = true;
    tick.addEventListener("change", () => {
      if (tick.checked) hidden.delete(level.code);
      else hidden.add(level.code);
      refresh();
    });
    label.append(tick, swatch(level.colour), level.name);
    const name = make("td");
    name.append(label);
    row.append(name, make("td", "", number(count)), make("td", "", total ? percent(count / total) : "–"),
      make("td", "", area(area_m2)));
    byId("damage").tBodies[0].append(row);
  }
  const fact = (list, name, value) => byId(list).append(make("dt", "", name), make("dd", "", value));
  fact("ground", "Mapped", area(summary.mapped_area_m2));
  fact("ground", "Flooded", area(summary.flooded_area_m2));
  fact("ground", "New debris", area(summary.debris_area_m2));
  fact("ground", "Vegetation lost", area(summary.vegetation_lost_area_m2));
  fact("about", "Before", summary.inputs.pre.join(", "));
  fact("about", "After", summary.inputs.post.join(", "));
  fact("about", "Pixel", number(summary.grid.gsd_m, 2) + " m");
  fact("about", "Shown at", number(data.shown_gsd, 2) + " m");
  fact("about", "Grid", summary.grid.crs.split("\n")[0].slice(0, 40));
  const shift = summary.shift;
  fact("about", "Shift of after", shift.tiles
    ? `${number(shift.east_m, 2)} m E, ${number(shift.north_m, 2)} m N, ${shift.corrected ? "taken out" : "not significant"}`
    : "not measured");
  for (const cover of data.covers) {
    const item = make("span");
    item.append(swatch(cover.colour), cover.name);
    byId("cover-legend").append(item);
  }
  const worst = summary.hotspots.worst;
  byId("worst-section").hidden = !worst.length;
  const weights = Object.entries(summary.hotspots.weights).map(([name, weight]) => `${name} ${weight}`).join(", ");
  byId("weights").textContent =
    `Cells of ${summary.hotspots.cell_m} m, ranked by footprint area times the level's weight (${weights}).`;

  // ---------- the two maps ----------
  const maps = [];
  let compare = null;
  const lons = data.view.map((corner) => corner[0]);
  const lats = data.view.map((corner) => corner[1]);
  const bounds = [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
  const colours = ["match", ["get", "damage"], ...data.levels.flatMap((level) => [level.code, level.colour]), "#888"];
  const top = Math.max(1, ...data.cells.features.map((cell) => cell.properties.loss_m2));

  const width = (full) => ["interpolate", ["linear"], ["zoom"], 13, full / 4, 17, full];
  const style = (side) => {
    const sources = {
      buildings: { type: "geojson", data: data.buildings },
      cells: { type: "geojson", data: data.cells },
    };
    const layers = [{ id: "ground", type: "background", paint: { "background-color": "#e4e8ec" } }];
    const pictures = (kind, tiles, paint) => tiles.forEach((tile, i) => {
      const id = `${kind}-${i}`;
      sources[id] = { type: "image", url: tile.url, coordinates: tile.corners };
      layers.push({ id, type: "raster", source: id, paint: { "raster-fade-duration": 0, ...paint } });
    });
    pictures("image", data.images[side], {});
    pictures("cover", data.cover_images[side], { "raster-resampling": "nearest" });
    const loss = ["/", ["get", "loss_m2"], top];
    const off = { visibility: "none" }; // until it is ticked
    layers.filter((layer) => layer.id.startsWith("cover")).forEach((layer) => { layer.layout = off; });
    layers.push(
      { id: "cells", type: "fill", source: "cells", layout: off, filter: [">", ["get", "loss_m2"], 0],
        paint: { "fill-color": ["interpolate", ["linear"], loss, 0, "#e1bee7", 0.5, "#8e24aa", 1, "#4a148c"] } },
      { id: "cell-lines", type: "line", source: "cells", layout: off, filter: [">", ["get", "loss_m2"], 0],
        paint: { "line-color": "#4a148c", "line-width": 1 } },
      { id: "building-fill", type: "fill", source: "buildings", paint: { "fill-color": colours } },
      { id: "building-halo", type: "line", source: "buildings",
        paint: { "line-color": "#101820", "line-width": width(3), "line-opacity": 0.55 } },
      { id: "building-lines", type: "line", source: "buildings",
        paint: { "line-color": side === "after" ? colours : "#ffffff", "line-width": width(1.6) } },
    );
    return { version: 8, sources, layers };
  };

  const describe = (map, event) => {
    const building = event.features[0].properties;
    const level = data.levels.find((entry) => entry.code === building.damage);
    const box = make("div");
    const head = make("div", "popup-level");
    head.append(swatch(level.colour), level.name[0].toUpperCase() + level.name.slice(1));
    const { lng, lat } = event.lngLat;
    const certainty = building.damage ? `Confidence ${percent(building.confidence)}` : "Not seen well enough after";
    box.append(head, make("div", "popup-facts", `${certainty}\nFootprint ${area(building.area_m2)}\n` +
      `Building ${building.building}\n${lat.toFixed(6)}, ${lng.toFixed(6)}`));
    new maplibregl.Popup({ maxWidth: "260px" }).setLngLat(event.lngLat).setDOMContent(box).addTo(map);
  };

  const open = (side) => {
    const map = new maplibregl.Map({
      container: side, style: style(side), bounds, fitBoundsOptions: { padding: 24 }, attributionControl: false,
      dragRotate: false, pitchWithRotate: false, maxPitch: 0, maxZoom: 23,
    });
    map.touchZoomRotate.disableRotation();
    map.keyboard.disableRotation();
    map.addControl(new maplibregl.ScaleControl({ maxWidth: 120, unit: "metric" }), side === "before" ? "bottom-left" : "bottom-right");
    if (side === "after") map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
    map.on("click", "building-fill", (event) => describe(map, event));
    map.on("mouseenter", "building-fill", () => { map.getCanvas().style.cursor = "pointer"; });
    map.on("mouseleave", "building-fill", () => { map.getCanvas().style.cursor = ""; });
    map.once("load", refresh);
    const markers = worst.map((cell) =>
      new maplibregl.Marker({ element: make("div", "marker", cell.rank) }).setLngLat([cell.longitude, cell.latitude]));
    maps.push({ map, side, markers });
  };

  const refresh = () => {
    const shown = { damage: byId("show-damage").checked, cells: byId("show-cells").checked, cover: byId("show-cover").checked };
    const opacity = byId("opacity").value / 100;
    byId("cover-legend").hidden = !shown.cover;
    for (const { map, side, markers } of maps) {
      if (!map.isStyleLoaded() && !map.loaded()) { map.once("idle", refresh); continue; }
      const visible = (id, on) => map.setLayoutProperty(id, "visibility", on ? "visible" : "none");
      data.cover_images[side].forEach((_, i) => {
        visible(`cover-${i}`, shown.cover);
        map.setPaintProperty(`cover-${i}`, "raster-opacity", opacity);
      });
      const levels = ["!", ["in", ["get", "damage"], ["literal", [...hidden]]]];
      for (const id of ["building-fill", "building-halo", "building-lines"]) {
        visible(id, shown.damage);
        map.setFilter(id, levels);
      }
      map.setPaintProperty("building-fill", "fill-opacity", side === "after" ? opacity : 0.02);
      visible("cells", shown.cells);
      visible("cell-lines", shown.cells);
      map.setPaintProperty("cells", "fill-opacity", 0.6 * opacity);
      for (const marker of markers) {
        if (shown.cells) marker.addTo(map);
        else marker.remove();
      }
    }
  };

  const press = (share) => document.querySelectorAll("[data-swipe]").forEach((button) =>
    button.setAttribute("aria-pressed", String(Number(button.dataset.swipe) === share)));
  const swipe = (share) => {
    compare.setSlider(share * byId("maps").clientWidth);
    document.querySelector(".compare-swiper-vertical").setAttribute("aria-valuenow", Math.round(100 * share));
    byId("tag-before").hidden = share === 0;
    byId("tag-after").hidden = share === 1;
    press(share);
  };
  const settle = () => swipe(Math.min(1, compare.currentPosition / byId("maps").clientWidth));

  const worstList = () => worst.forEach((cell) => {
    const button = make("button");
    button.type = "button";
    const text = make("span", "worst-text", `${cell.destroyed} destroyed, ${cell.major} major`);
    text.append(make("small", "", `of ${cell.buildings} buildings · ${cell.latitude.toFixed(5)}, ${cell.longitude.toFixed(5)}`));
    button.append(make("span", "rank", cell.rank), text, make("span", "", area(cell.loss_m2)));
    button.title = "Weighted footprint area; click to go there";
    button.addEventListener("click", () => {
      byId("show-cells").checked = true;
      refresh();
      if (!maps.length) return;
      const half = summary.hotspots.cell_m / 111320;
      const wide = half / Math.cos((cell.latitude * Math.PI) / 180);
      maps[1].map.fitBounds([[cell.longitude - wide, cell.latitude - half], [cell.longitude + wide, cell.latitude + half]],
        { duration: 600 });
    });
    const item = make("li");
    item.append(button);
    byId("worst").append(item);
  });

  worstList();
  for (const id of ["show-damage", "show-cells", "show-cover"]) byId(id).addEventListener("change", refresh);
  byId("opacity").addEventListener("input", refresh);
  byId("fold").addEventListener("click", () => {
    const folded = document.body.classList.toggle("folded");
    byId("fold").setAttribute("aria-expanded", String(!folded));
    if (!compare) return;
    const share = Math.min(1, compare.currentPosition / byId("maps").clientWidth);
    maps.forEach(({ map }) => map.resize());
    swipe(share);
  });

  try {
    open("before");
    open("after");
  } catch (error) {
    byId("failure").hidden = false;
    console.error(error);
    return;
  }
  compare = new maplibregl.Compare(maps[0].map, maps[1].map, "#maps");
  compare.on("slideend", settle);
  const handle = document.querySelector(".compare-swiper-vertical");
  handle.tabIndex = 0;
  handle.setAttribute("role", "slider");
  handle.setAttribute("aria-label", "Swipe between before and after");
  handle.setAttribute("aria-valuemin", "0");
  handle.setAttribute("aria-valuemax", "100");
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -0.05, ArrowRight: 0.05 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    swipe(Math.min(1, Math.max(0, compare.currentPosition / byId("maps").clientWidth + step)));
  });
  document.querySelectorAll("[data-swipe]").forEach((button) =>
    button.addEventListener("click", () => swipe(Number(button.dataset.swipe))));
  swipe(0.5);
})();
