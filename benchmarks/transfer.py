"""How well a network that has seen simulation alone finds real buildings: `python -m benchmarks.transfer`.

For each seed: a small set of captures, a short training on them alone, its scores on labelled real pairs.
Each seed draws its own cities and its own training. The stages resume, so a run that was killed goes on.
"""

import argparse
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

import pipelines.evaluate
import pipelines.simulate
import pipelines.train
from benchmarks.run import RESULTS, processor
from rasters.files import read_json, write_json
from rasters.provenance import provenance

CITIES, STEPS = 20, 100  # the recipe; steps of the default batch and crop of `mage train`
SCORES = ("building_iou", "building_iou_half", "building_iou_best", "damage_false_alarms")


def one_seed(seed: int, val: Path, out: Path, *, ordinary_change: bool, workers: int) -> dict[str, float]:
    """`SCORES`, in [0, 1], of one seed's simulation and training.

    Raises:
        InputError: `val` cannot be used, or `out` holds another result.
    """
    captures, model = out / "captures", out / "model"
    pipelines.simulate.run(
        pipelines.simulate.Config(
            out=captures, seed=seed, cities=CITIES, ordinary_change=ordinary_change, workers=workers
        )
    )
    pipelines.train.run(
        pipelines.train.Config(captures=captures, out=model, steps=STEPS, seed=seed, wandb="off")
    )
    scores = out / "scores"
    pipelines.evaluate.run(pipelines.evaluate.Config(model=model / "model.pt", data=val, out=scores))
    found = read_json(scores / "scores.json")["scores"]
    return {name: found[name]["value"] for name in SCORES}


def main(words: Sequence[str] | None = None) -> None:
    """Runs the seeds and writes benchmarks/results/<name>.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--val", type=Path, required=True, help="labelled real pairs in xBD's layout")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--out", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--ordinary-change", action=argparse.BooleanOptionalAction, default=True,
                        help="seasons, new houses and gone cars between the flights")  # fmt: skip
    parser.add_argument("--name", default="transfer", help="name of the result file")
    given = parser.parse_args(words)
    rows = {
        seed: one_seed(seed, given.val, given.out / f"s{seed}", ordinary_change=given.ordinary_change,
                       workers=given.workers)
        for seed in given.seeds
    }  # fmt: skip
    figures = {
        name: {
            "mean": statistics.mean(row[name] for row in rows.values()),
            "sd": statistics.stdev(row[name] for row in rows.values()) if len(rows) > 1 else 0.0,
            "seeds": {str(seed): row[name] for seed, row in rows.items()},
        }
        for name in SCORES
    }
    for name, figure in figures.items():
        print(f"{name:20} {figure['mean']:.3f} +- {figure['sd']:.3f}  {figure['seeds']}")
    made = provenance(
        "transfer",
        {"val": given.val.name, "seeds": given.seeds, "ordinary_change": given.ordinary_change},
    )
    machine = {"processor": processor(), "cores": os.cpu_count()}
    write_json(RESULTS / f"{given.name}.json", {**made, "machine": machine, "figures": figures})


if __name__ == "__main__":
    main()
