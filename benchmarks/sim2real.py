"""Which adapter makes simulation teach best, judged on labelled real pairs: `python -m benchmarks.sim2real`.

One set of captures, each method's adapted copy of it, and for every seed one short training on each, with
the same recipe and budget, beside simulation alone and the oracle: a training on real labels. The table
gives building IoU as mapped, at probability 0.5 and at the best threshold, mean and spread over seeds, the
share of the gap from simulation alone to the oracle that is closed, the fidelity distances and the
CPU-seconds of fit and application. All stages resume, so a run that was killed goes on.
"""

import argparse
import os
import resource
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pipelines.adapt
import pipelines.evaluate
import pipelines.simulate
import pipelines.train
from adaptation.baselines import BASELINES
from benchmarks.run import RESULTS, processor
from rasters.files import read_json, write_json, write_text
from rasters.provenance import provenance

ALONE, ORACLE = "none", "oracle"
SCORES = {
    "building_iou": "IoU as mapped",
    "building_iou_half": "IoU at 0.5",
    "building_iou_best": "IoU, best threshold",
}
FIDELITY = {
    "kd_lite0_texture": "texture",
    "colour_w1": "colour",
    "spectrum_db": "spectrum [dB]",
    "block_ratio_8": "block 8",
}


def cpu_seconds() -> float:
    """CPU time of this process and of its children that ended, user and system [s]."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def adapted(method: pipelines.adapt.Method, captures: Path, target: Path, out: Path) -> Path:
    """The captures as `method` adapts them, with what that cost beside them; returns their folder."""
    start = cpu_seconds()
    pipelines.adapt.run(pipelines.adapt.Config(captures=captures, target=target, out=out, method=method))
    cost = out / "cost.json"
    if not cost.is_file():
        write_json(cost, {"cpu_seconds": cpu_seconds() - start})
    return out / "captures"


def trained(
    captures: Path | None, gold: Path | None, val: Path, out: Path, *, steps: int, seed: int
) -> dict[str, float]:
    """The scores on `val` of one training on captures or, the oracle, on real labels."""
    pipelines.train.run(
        pipelines.train.Config(
            captures=captures,
            gold=gold,
            out=out / "model",
            steps=steps,
            seed=seed,
            wandb="off",
            progress=False,
        )
    )
    model, scores = out / "model" / "model.pt", out / "scores"
    pipelines.evaluate.run(pipelines.evaluate.Config(model=model, data=val, out=scores))
    found = read_json(scores / "scores.json")["scores"]
    return {name: found[name]["value"] for name in SCORES}


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
    """The figures as markdown, a method a row."""
    heads = [
        *SCORES.values(),
        *(f"gap closed, {name}" for name in SCORES.values()),
        *FIDELITY.values(),
        "CPU-s",
    ]
    lines = ["| method | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for method, found in figures.items():
        cells = [f"{found[name]['mean']:.3f} ± {found[name]['sd']:.3f}" for name in SCORES]
        for name in SCORES:
            ends = (figures[end][name]["mean"] for end in (ALONE, ORACLE) if end in figures)
            share = gap_closed(found[name]["mean"], *ends) if {ALONE, ORACLE} <= set(figures) else None
            cells.append("-" if share is None else f"{share:.0%}")
        cells += [f"{found['fidelity'][k]:.3g}" if "fidelity" in found else "-" for k in FIDELITY]
        cells.append(f"{found['cpu_seconds']:.0f}" if "cpu_seconds" in found else "-")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> None:
    """Runs everything and writes benchmarks/results/<name>.json and the table beside it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=Path, required=True, help="unlabelled real images")
    parser.add_argument("--val", type=Path, required=True, help="labelled real pairs in xBD's layout")
    parser.add_argument("--gold", type=Path, help="labelled real pairs that the oracle learns from")
    parser.add_argument("--methods", nargs="+", choices=[*BASELINES, "flow"], default=[*BASELINES, "flow"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--cities", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("runs/sim2real"))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--name", default="sim2real", help="name of the result files")
    given = parser.parse_args(words)
    captures = given.out / "captures"
    pipelines.simulate.run(
        pipelines.simulate.Config(out=captures, cities=given.cities, workers=given.workers)
    )
    figures: dict[str, dict[str, Any]] = {}
    methods: list[Any] = [*given.methods, *([ORACLE] if given.gold else [])]
    for method in methods:
        out = given.out / method
        gold = given.gold if method == ORACLE else None
        made = None if gold else adapted(method, captures, given.target, out / "adapted")
        rows = [trained(made, gold, given.val, out / f"s{s}", steps=given.steps, seed=s) for s in given.seeds]
        figures[method] = spread(rows)
        if made is not None:
            report = read_json(out / "adapted" / "fidelity.json")["measures"]["adapted"]
            figures[method]["fidelity"] = {k: report[k][0] for k in FIDELITY}
            figures[method] |= read_json(out / "adapted" / "cost.json")
        print(table(figures))
    asked = {"target": given.target.name, "val": given.val.name, "cities": given.cities, "steps": given.steps}
    machine = {"processor": processor(), "cores": os.cpu_count()}
    record = provenance("sim2real", {**asked, "seeds": given.seeds})
    write_json(RESULTS / f"{given.name}.json", {**record, "machine": machine, "figures": figures})
    write_text(RESULTS / f"{given.name}.md", table(figures))


if __name__ == "__main__":
    main()
