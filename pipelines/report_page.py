"""The page of `mage adapt report`: one HTML file that holds all it shows and asks no server for anything."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adaptation.fidelity import METRICS
from pipelines.report_charts import Line, chart
from rasters.files import write_text

QUALITY = 88  # of the JPEG
KEEP = "\N{NO-BREAK SPACE}"  # tables may wrap on a telephone, but not here
COLOURS = {"simulated": "#c0562b", "adapted": "#2364aa", "real": "#333333"}


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A row of pictures.

    Attributes:
        name: Above it.
        pictures: (3, H, W) uint8 each.
        captions: One under each.
    """

    name: str
    pictures: Sequence[np.ndarray]
    captions: Sequence[str]


def write_report(
    path: Path, report: Mapping[str, Any], *, neighbours: Sequence[Neighbour], worst: Sequence[Neighbour]
) -> None:
    """Writes the page.

    Args:
        path: Where it goes, an .html file.
        report: What `report.json` holds.
        neighbours: Adapted pictures beside the real ones that they resemble most.
        worst: The same of those that resemble none.
    """
    css = (package_files("pipelines") / "web" / "report.css").read_text(encoding="utf-8")
    title = f"Adaptation report: {report['method']}"
    sections = [
        *_by_date(report["fidelity"]),
        _bits(report["bits_per_dim"]),
        _edges(report["label_edges"]),
        _recovered(report["recoverability"]),
        _leakage(report["leakage"]),
        _flicker(report["flicker"]),
        _pictures(report["neighbours"], neighbours, worst),
    ]
    note = f'<p class="note">{_text(report["note"])}</p>' if report["note"] else ""
    write_text(
        path,
        "<!doctype html>\n"
        f'<html lang="en"><head><meta charset="utf-8"><title>{_text(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<style>{css}</style></head>\n<body><h1>{_text(title)}</h1>{note}\n"
        + "\n".join(sections)
        + "\n</body></html>\n",
    )


def _by_date(fidelity: Mapping[str, Any]) -> list[str]:
    """Distances and spectra; of images before and after a disaster, if both were measured."""
    if "after" not in fidelity:
        return [_distances(fidelity, ""), _spectrum(fidelity["spectra"], "")]
    return [
        section
        for found, date in ((fidelity, " before a disaster"), (fidelity["after"], " after a disaster"))
        for section in (_distances(found, date), _spectrum(found["spectra"], date))
    ]


def _distances(fidelity: Mapping[str, Any], date: str) -> str:
    names = [name for name in COLOURS if name in fidelity["measures"]]  # JSON files are sorted by name
    rows = []
    for key in METRICS:
        if key not in fidelity["metrics"]:
            continue
        cells = [*(fidelity["measures"][name][key] for name in names), fidelity["floor"][key]]
        rows.append([fidelity["metrics"][key], *(_interval(value, spread) for value, spread in cells)])
    counts = ", ".join(f"{fidelity['images'][name]} {name}" for name in [*names, "real"])
    return (
        f"<h2>How far from real images{date}</h2>"
        f"<p>Less is nearer, and no set of images can be expected below the last column, what two halves "
        f"of the "
        f"real images measure against each other. Block ratios should be 1. In brackets 95 % of the draws of "
        f"images, taken as normal. Images: {_text(counts)}. A shorter distance does not promise better "
        f"training.</p>" + _table(["", *names, "real against real"], rows)
    )


def _interval(value: float, spread: float) -> str:
    return f"{value:.3g} ({value - 1.96 * spread:.3g} to{KEEP}{value + 1.96 * spread:.3g})"


def _spectrum(spectra: Mapping[str, Any], date: str) -> str:
    x = spectra["cycles_per_pixel"]
    lines = [
        Line(name=name, colour=colour, x=x, y=spectra["sets"][name])
        for name, colour in COLOURS.items()
        if name in spectra["sets"]
    ]
    return (
        f"<h2>Spectrum{date}</h2><p>Mean power of the luminance by spatial frequency. Grey: where 95 % of "
        "sets of so many "
        "real images lie. Above it to the right, the pictures are too sharp or too noisy; below, too "
        "soft.</p>" + chart(lines, band=(x, *spectra["real_halves"]), labels=("cycles a pixel", "power [dB]"))
    )


def _bits(bits: Mapping[str, Sequence[float]] | None) -> str:
    head = "<h2>Likelihood</h2>"
    if bits is None:
        return f"{head}<p>This method has no flow, so it gives no likelihood.</p>"
    rows = [[name, f"{mean:.3f} ± {error:.3f}"] for name, (mean, error) in bits.items()]
    return (
        f"{head}<p>Bits per dimension of the details under the flow of the target, ± standard error over "
        f"images. "
        "Adapted images should lie with the real ones: far above is foreign, far below is too smooth.</p>"
        + _table(["", "bits per dimension"], rows)
    )


def _edges(edges: Mapping[str, Any]) -> str:
    rows = [
        [
            name,
            f"{found['gradient_correlation']:.2f}",
            f"{np.hypot(*found['shift_pixels']):.3f}",
            *(f"{x:+.3f}" for x in found["shift_pixels"]),
        ]
        for name, found in edges.items()
    ]
    return (
        "<h2>Edges of labels</h2><p>Near the edges of each class: how gradients before and after adaptation "
        "correlate, and by how much the edges moved [pixels]. Labels stay where they are, so edges must "
        "too.</p>" + _table(["", "correlation", "moved", "down", "right"], rows)
    )


def _recovered(scores: Mapping[str, Mapping[str, Any]]) -> str:
    parts = [
        "<h2>Are the labels still to be seen?</h2><p>F1 of telling each class from the others, all taken "
        "as equally "
        "frequent, by a segmenter of 4 x 4 px cells that was taught before adaptation and then frozen, "
        "on ground it "
        "was not taught on. A class survives that keeps 95 %. Last column: by a segmenter taught on "
        "adapted images, "
        "which tells whether what a frozen one misses is gone or only looks otherwise.</p>"
    ]
    for title, table in scores.items():
        rows = [
            [
                name.replace("_", " "),
                f"{row['before']:.3f}",
                f"{row['after']:.3f}",
                _verdict(row["passed"], f"{100 * row['share']:.0f}{KEEP}%"),
                f"{row['learnt']:.3f}",
                str(row["cells"]),
            ]
            for name, row in table.items()
        ]
        parts.append(
            _table([title.replace("_", " "), "as simulated", "adapted", "kept", "taught anew", "cells"], rows)
            if rows
            else f"<p>The captures hold too little of two classes of {title.replace('_', ' ')}.</p>"
        )
    return "".join(parts)


def _leakage(found: Mapping[str, Any] | None) -> str:
    head = "<h2>Leakage gate</h2>"
    if found is None:
        return f"{head}<p>The captures hold too few classes to tell apart.</p>"
    rows = [[name, f"{now:.3f}", f"{was:.3f}"] for name, (now, was) in found["classes"].items()]
    rows.append(
        [
            "balanced accuracy",
            _verdict(found["passed"], f"{found['adapted']:.3f}"),
            f"{found['reference']:.3f}",
        ]
    )
    word = "passed" if found["passed"] else "failed"
    return (
        f"{head}<p>{_verdict(found['passed'], word)}: a classifier that sees the texture of 4 x 4 px and "
        f"no colour "
        "may not tell the class from adapted images better than from simulated ones, by more than "
        f"{found['margin']:.2f}. Else the adapter writes labels into the texture. Guessing gives "
        f"{found['chance']:.3f}.</p>" + _table(["recall", "adapted", "simulated"], rows)
    )


def _flicker(found: Mapping[str, Any]) -> str:
    sets = found["sets"]
    head = "<h2>Flicker between before and after</h2>"
    if not sets:
        return f"{head}<p>No pair holds unchanged ground.</p>"
    lines = [
        Line(name=f"{name} ({s['pairs']} pairs)", colour=COLOURS[name], x=found["quantiles"], y=s["levels"])
        for name, s in sets.items()
    ]
    rows = [
        [name, f"{s['levels'][len(s['levels']) // 2]:.2f}", f"{s['correlation']:.2f}"]
        for name, s in sets.items()
    ]
    lacks = (
        ""
        if "real" in sets
        else " The target holds no pairs (_pre_disaster and _post_disaster) to compare with."
    )
    return (
        f"{head}<p>Differences in fine texture on ground that did not change. Adapted pairs should differ "
        f"no more "
        "than real pairs do, in which light, season and registration differ too, and here and there the "
        "ground."
        f"{lacks}</p>"
        + chart(lines, band=None, labels=("share of the pixels", "difference [grey levels]"))
        + _table(["", "median [grey levels]", "correlation"], rows)
    )


def _pictures(
    figures: Mapping[str, Any] | None, neighbours: Sequence[Neighbour], worst: Sequence[Neighbour]
) -> str:
    head = "<h2>Pictures beside the real ones nearest to them</h2>"
    if figures is None:
        return f"{head}<p>No picture holds a whole patch.</p>"
    return (
        f"{head}<p>Nearest by frozen deep features, each from another image that the adapter was fitted "
        f"to, with "
        f"the distance. Medians to the nearest: adapted {figures['adapted_to_fit']:.2f}, simulated "
        f"{figures['simulated_to_fit']:.2f}, held-out real {figures['held_out_to_fit']:.2f}. Far above "
        f"the last is "
        f"a gap, far below it memorisation (least of adapted {figures['nearest_adapted']:.2f}, of real "
        f"{figures['nearest_held_out']:.2f}).</p>"
        + "".join(map(_row, neighbours))
        + "<h2>The adapted pictures furthest from any real one</h2>"
        + "".join(map(_row, worst))
    )


def _row(neighbour: Neighbour) -> str:
    figures = "".join(
        f'<figure><img src="{_jpeg(picture)}" alt="{_text(f"{neighbour.name}, {caption}")}">'
        f"<figcaption>{_text(caption)}</figcaption></figure>"
        for picture, caption in zip(neighbour.pictures, neighbour.captions, strict=True)
    )
    return f'<div class="row"><h3>{_text(neighbour.name)}</h3>{figures}</div>'


def _jpeg(picture: np.ndarray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))).save(
        buffer, "JPEG", quality=QUALITY, subsampling=0
    )
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _verdict(passed: bool, text: str) -> str:
    return f'<span class="{"ok" if passed else "bad"}">{_text(text)}{"" if passed else f"{KEEP}✗"}</span>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table, its first column the rows' heads; cells that begin with a tag are taken as they are."""

    def cell(text: str) -> str:
        return f"<td>{text if text.startswith('<span') else _text(text)}</td>"

    top = "".join(f'<th scope="col">{_text(text)}</th>' if text else "<td></td>" for text in head)
    body = "".join(
        f'<tr><th scope="row">{_text(row[0])}</th>{"".join(map(cell, row[1:]))}</tr>' for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _text(text: str) -> str:
    return html.escape(text)
