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

CITIES, STEPS, CROP = 20, 300, 128  # the recipe; of the default batch of `mage train`
SCORES = ("building_iou", "building_iou_half", "building_iou_best", "damage_false_alarms")


def one_seed(seed: int, val: Path, out: Path, options: argparse.Namespace) -> dict[str, float]:
    """`SCORES`, in [0, 1], of one seed's simulation and training.

    Raises:
        InputError: `val` cannot be used, or `out` holds another result.
    """
    captures, model = out / "captures", out / "model"
    if not options.keep_captures:
        pipelines.simulate.run(
            pipelines.simulate.Config(
                out=captures,
                seed=seed,
                cities=CITIES,
                profile=options.profile,
                ordinary_change=options.ordinary_change,
                workers=options.workers,
            )
        )
    pipelines.train.run(
        pipelines.train.Config(
            captures=captures, out=model, steps=options.steps, crop=CROP, seed=seed, wandb="off"
        )
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
    parser.add_argument("--profile", default="satellite_1m",
                        help="acquisition profile; benchmarks/chain holds parts of the chain")  # fmt: skip
    parser.add_argument("--keep-captures", action="store_true",
                        help="train on what lies in OUT/s<seed>, of another version")  # fmt: skip
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--name", default="transfer", help="name of the result file")
    given = parser.parse_args(words)
    rows = {seed: one_seed(seed, given.val, given.out / f"s{seed}", given) for seed in given.seeds}
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
        {
            "val": given.val.name,
            "seeds": given.seeds,
            "ordinary_change": given.ordinary_change,
            "profile": Path(given.profile).stem,
            "steps": given.steps,
            "captures_of_another_version": given.keep_captures,
        },
    )
    machine = {"processor": processor(), "cores": os.cpu_count()}
    write_json(RESULTS / f"{given.name}.json", {**made, "machine": machine, "figures": figures})


if __name__ == "__main__":
    main()
