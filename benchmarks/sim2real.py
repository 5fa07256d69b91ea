"""Which adapter makes simulation teach best, judged on labelled real tiles: `python -m benchmarks.sim2real`.

One set of captures, each method's adapted copy of it, and for every seed one short training on each, with
the same recipe, augmentation and draws (benchmarks/judge.py), beside simulation alone, simulation without
the augmentation, and the oracle: a training on real labels. The table gives the class's IoU as mapped, at
probability 0.5 and at the best threshold, mean and spread over seeds, the share of the gap from simulation
alone to the oracle that is closed, the fidelity distances, the CPU-seconds of fit and application, and how
much of the disasters' marks a frozen segmenter still finds (benchmarks/survival.py). Every score is kept when
it is there, so a run that was killed goes on.
"""

import argparse
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import torch
from PIL import Image

import pipelines.adapt
import pipelines.simulate
from benchmarks.judge import Training, judge
from benchmarks.pages import put_between
from benchmarks.run import RESULTS, processor
from benchmarks.survival import ask_marks, kept, mean_scores, teach_marks
from pipelines.crew import done_here
from rasters.capture import read_capture
from rasters.catalogue import list_captures
from rasters.classes import LandCover
from rasters.errors import InputError
from rasters.files import atomic_path, read_json, write_json
from rasters.pictures import write_sheet
from rasters.provenance import PROVENANCE, provenance

MARKS_SEEDS = (1, 2)  # of the frozen segmenters
ALONE, WEAK, ORACLE = "none", "none, weak augmentation", "oracle"
METHODS: tuple[str, ...] = get_args(pipelines.adapt.Method)
PAGE = Path(__file__).parents[1] / "docs" / "sim2real.md"
SCORES = {"iou": "as mapped", "iou_half": "at 0.5", "iou_best": "best threshold"}
SHOWN = ("gaussian", "flow", "diffusion", "bridge", "cut")  # on the page's sheet
PIECES, PIECE = 4, 144  # rows of it, and the side of a piece of a capture [pixels]
SCENARIO = ("seed", "cities", "styles", "disasters", "profile", "tile", "samples")
FIDELITY = {
    "kd_lite0_texture": "texture",
    "colour_w1": "colour",
    "spectrum_db": "spectrum [dB]",
    "block_ratio_8": "block 8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What every job of one table shares.

    Attributes:
        captures: Simulated captures.
        target: Unlabelled real images.
        gold: Labelled real tiles that the oracle learns from.
        val: Labelled real tiles that judge.
        out: Folder for everything that is made.
        training: Of the judge; the seed is the job's.
    """

    captures: Path
    target: Path
    gold: Path
    val: Path
    out: Path
    training: Training


def adapt(method: str, run: Run) -> None:
    """The captures as `method` adapts them, into `out/<method>`, unless they are there."""
    torch.set_num_threads(1)
    out = run.out / method
    if not (out / "fidelity.json").is_file():  # the last file of the stage
        pipelines.adapt.run(
            pipelines.adapt.Config(captures=run.captures, target=run.target, out=out, method=method)  # ty: ignore[invalid-argument-type]
        )


def teach(job: tuple[str, int], run: Run) -> None:
    """Trains and examines the judge for (row, seed) and keeps its scores, unless they are there."""
    torch.set_num_threads(1)
    row, seed = job
    path = score_path(run, row, seed)
    if path.is_file():
        return
    training = replace(run.training, seed=seed, weak=row == WEAK)
    adapted = run.captures if row in (ALONE, WEAK) else run.out / row / "captures"
    scores = judge(run.gold if row == ORACLE else adapted, run.val, training)
    _keep(path, "judge", {"row": row, "seed": seed}, scores)


def survive(seed: int, run: Run, methods: Sequence[str]) -> None:
    """Keeps the marks that one frozen segmenter finds after each method, as F1 (benchmarks.survival)."""
    torch.set_num_threads(1)
    missing = [row for row in (ALONE, *methods) if not score_path(run, row, seed, "marks").is_file()]
    if not missing:
        return
    network = teach_marks(run.captures, replace(run.training, seed=seed))
    for row in missing:
        adapted = run.captures if row == ALONE else run.out / row / "captures"
        scores = ask_marks(network, run.captures, adapted, run.training.shrink)
        _keep(score_path(run, row, seed, "marks"), "survival", {"row": row, "seed": seed}, scores)


def _keep(path: Path, stage: str, asked: dict[str, Any], scores: Mapping[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**provenance(stage, asked), "scores": dict(scores)})


def score_path(run: Run, row: str, seed: int, kind: str = "scores") -> Path:
    """Where the scores of a row's seed are kept; `kind` is "scores" or "marks"."""
    return run.out / kind / f"{row.replace(', ', '-').replace(' ', '-')}-{seed}.json"


def settle(run: Run, asked: Mapping[str, Any]) -> None:
    """Keeps what was asked beside the scores, or checks that it is the same.

    Raises:
        InputError: The folder holds the scores of another run.
    """
    path = run.out / "asked.json"
    if path.is_file() and read_json(path) != dict(asked):
        raise InputError(f"{path} tells of another run, {read_json(path)}; give another --out")
    run.out.mkdir(parents=True, exist_ok=True)
    write_json(path, dict(asked))


def figures_of(run: Run, rows: Sequence[str], seeds: Sequence[int]) -> dict[str, dict[str, Any]]:
    """The figures of the rows, over the seeds that are scored, of which each row tells how many."""
    figures: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths = [score_path(run, row, seed) for seed in seeds]
        found = [read_json(path) for path in paths if path.is_file()]
        if not found:
            continue
        figures[row] = {
            **spread([f["scores"] for f in found]),
            "thresholds_best": [f["scores"]["threshold_best"] for f in found],
            "judge_cpu_seconds": statistics.mean(f["scores"]["train_cpu_seconds"] for f in found),
            "commits": sorted({f["commit"] for f in found}),
        }
        if (run.out / row / "fidelity.json").is_file():
            report = read_json(run.out / row / "fidelity.json")["measures"]["adapted"]
            figures[row]["fidelity"] = {k: report[k][0] for k in FIDELITY}
        if (run.out / row / "cost.json").is_file():
            figures[row]["cost"] = read_json(run.out / row / "cost.json")
        asked = [seed for seed in MARKS_SEEDS if score_path(run, row, seed, "marks").is_file()]
        marks = [
            [read_json(score_path(run, name, seed, "marks"))["scores"] for seed in asked]
            for name in (ALONE, row)
        ]
        if marks[0]:
            figures[row]["marks_before"], figures[row]["marks_kept"] = mean_scores(marks[0]), kept(*marks)
    return figures


def spread(rows: Sequence[Mapping[str, float]]) -> dict[str, dict[str, Any]]:
    """Mean, standard deviation and single values of each score over seeds."""
    columns = {name: [row[name] for row in rows] for name in SCORES}
    return {
        name: {"mean": statistics.mean(values), "values": values,
               "sd": statistics.stdev(values) if len(values) > 1 else 0.0}
        for name, values in columns.items()
    }  # fmt: skip


def gap_closed(value: float, alone: float, oracle: float) -> float | None:
    """Share of the gap from simulation alone to the oracle that `value` closes; None without a gap."""
    return (value - alone) / (oracle - alone) if oracle > alone else None


def table(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """The figures as markdown, a row each."""
    gaps = list(SCORES)[1:]
    heads = [
        "seeds",
        *(f"IoU {name}" for name in SCORES.values()),
        *(f"gap closed, {SCORES[name]}" for name in gaps),
        *FIDELITY.values(),
        "fit CPU-s",
        "apply CPU-s/MP",
        "marks kept, least",
    ]
    lines = ["| method | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for row, found in figures.items():
        cells = [str(len(found["iou"]["values"]))]
        cells += [f"{found[name]['mean']:.3f} ± {found[name]['sd']:.3f}" for name in SCORES]
        for name in gaps:
            ends = [figures[end][name]["mean"] for end in (ALONE, ORACLE) if end in figures]
            share = gap_closed(found[name]["mean"], *ends) if len(ends) == 2 else None
            cells.append("-" if share is None else f"{share:.0%}")
        cells += [f"{found['fidelity'][k]:.3g}" if "fidelity" in found else "-" for k in FIDELITY]
        cells += _costs(found.get("cost"))
        least = min(found.get("marks_kept", {}).items(), key=lambda kv: kv[1], default=None)
        cells.append("-" if least is None else f"{least[1]:.2f} {least[0].replace('_', ' ')}")
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def draw_sheet(run: Run, methods: Sequence[str], path: Path) -> None:
    """Pieces of captures before adaptation and after each method, a method a column, as a JPEG."""
    folders = list_captures(run.captures)
    rows = []
    for folder in folders[:: max(1, len(folders) // PIECES)][:PIECES]:
        roots = [run.captures, *(run.out / method / "captures" for method in methods)]
        images = [read_capture(root / folder.name, ("image_pre",)).layers["image_pre"] for root in roots]
        start = [(n - PIECE) // 2 for n in images[0].shape[1:]]
        rows.append([i[:, start[0] : start[0] + PIECE, start[1] : start[1] + PIECE] for i in images])
    write_sheet(run.out / "sheet.png", rows, columns=["simulated", *methods], side=2 * PIECE)
    with Image.open(run.out / "sheet.png") as sheet, atomic_path(path) as partial:
        sheet.save(partial, "JPEG", quality=85)


def _costs(cost: Mapping[str, float] | None) -> list[str]:
    if cost is None:
        return ["-", "-"]
    return [f"{cost['fit_cpu_seconds']:.0f}", f"{cost['apply_cpu_seconds'] / cost['megapixels']:.2f}"]


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, required=True, help="unlabelled real images")
    parser.add_argument("--val", type=Path, required=True, help="labelled real tiles that judge")
    parser.add_argument("--gold", type=Path, required=True, help="labelled real tiles for the oracle")
    parser.add_argument("--cover", choices=["building", "road"], required=True, help="the class judged")
    parser.add_argument("--name", required=True, help="of the target: results/sim2real_<name>.json")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--marks", action=argparse.BooleanOptionalAction, default=True,
                        help="ask frozen segmenters for the marks of disasters")  # fmt: skip
    parser.add_argument("--steps", type=int, default=130, help="of each training")
    parser.add_argument("--shrink", type=int, default=1, help="pixels a side averaged to one for the judge")
    parser.add_argument("--captures", type=Path, help="captures that are there; else they are simulated")
    parser.add_argument("--cities", type=int, default=20)
    parser.add_argument("--styles", nargs="+", default=["north_american_suburb", "latin_american_metropolis"])
    parser.add_argument("--disasters", nargs="+", default=["flood", "earthquake", "fire", "storm", "volcano"])
    parser.add_argument("--profile", default="satellite_1m")
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--out", type=Path, default=Path("runs/sim2real"))
    parser.add_argument("--table", action="store_true", help="of what is scored already; train nothing")
    parser.add_argument("--write", action=argparse.BooleanOptionalAction, default=True,
                        help="the result JSON and the page's table")  # fmt: skip
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Runs everything, then writes results/sim2real_<name>.json, and the table and sheet of its page."""
    given = _arguments(words)
    os.environ["OMP_NUM_THREADS"] = "1"  # of the processes to come
    training = Training(cover=LandCover[given.cover.upper()], steps=given.steps, seed=0, shrink=given.shrink)
    captures = given.captures or given.out / "captures"
    run = Run(captures=captures, target=given.target, gold=given.gold, val=given.val, out=given.out,
              training=training)  # fmt: skip
    asked = {"target": given.target.name, "cover": given.cover, "steps": given.steps, "shrink": given.shrink,
             "cities": given.cities, "styles": list(given.styles), "disasters": list(given.disasters),
             "profile": given.profile}  # fmt: skip
    settle(run, asked)
    if given.captures is None:
        pipelines.simulate.run(
            pipelines.simulate.Config(
                out=captures, cities=given.cities, styles=tuple(given.styles),
                disasters=tuple(given.disasters), profile=given.profile, workers=given.jobs,
            )
        )  # fmt: skip
    rows = [*([ALONE, WEAK, ORACLE] if ALONE in given.methods else [ORACLE])]
    rows += [method for method in given.methods if method != ALONE]
    methods, jobs = given.methods, [(row, seed) for seed in given.seeds for row in rows]
    frozen = MARKS_SEEDS if given.marks else ()
    if given.table:
        methods, jobs, frozen = [], [], ()
    for method in done_here(methods, partial(adapt, run=run), given.jobs):
        print(f"adapted: {method}", flush=True)
    for row, seed in done_here(jobs, partial(teach, run=run), given.jobs):
        scores = read_json(score_path(run, row, seed))["scores"]
        print(f"{row}, seed {seed}: " + ", ".join(f"{k} {scores[k]:.3f}" for k in SCORES), flush=True)
    adapted = [method for method in given.methods if method != ALONE]
    for seed in done_here(frozen, partial(survive, run=run, methods=adapted), given.jobs):
        print(f"marks asked of frozen segmenter {seed}", flush=True)
    figures = figures_of(run, rows, given.seeds)
    print(table(figures))
    if given.write:
        machine = {"processor": processor(), "cores": os.cpu_count()}
        seen = read_json(captures / PROVENANCE)["config"]  # of captures that were given, what they are
        told = {**asked, **{name: seen[name] for name in SCENARIO}, "seeds": given.seeds}
        record = {**provenance("sim2real", told), "machine": machine}
        write_json(RESULTS / f"sim2real_{given.name}.json", {**record, "figures": figures})
        shown = [m for m in SHOWN if (run.out / m / "fidelity.json").is_file()]
        draw_sheet(run, shown, PAGE.parent / "images" / f"sim2real_{given.name}.jpg")
        put_between(PAGE, (f"<!-- {given.name} -->", f"<!-- end of {given.name} -->"), table(figures))


if __name__ == "__main__":
    main()
