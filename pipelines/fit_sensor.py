"""`mage fit-sensor`: an acquisition profile from unlabelled imagery alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import yaml
from rasterio.enums import ColorInterp
from tqdm import tqdm

from rasters.errors import InputError
from rasters.files import write_json, write_text
from rasters.folders import list_images, read_image
from rasters.geotiff import open_raster
from rasters.sensing.fitting.fit import LEAST_IMAGES, LEAST_SIDE, SensorFit, fit_sensor
from rasters.sensing.fitting.picture import write_page
from rasters.sensing.profile import load_profile

ASSUMED = (
    "tone curve, white, colour saturation, unsharp mask, optical depth: the middle of the base profile's"
)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of `mage fit-sensor`.

    Attributes:
        target: Folder of unlabelled real images, 8-bit PNG, JPEG or TIFF of one or three bands.
        gsd: Their ground sample distance [m].
        out: The profile to write, a YAML file; beside it go its intervals (JSON) and a page of curves (PNG).
        base: Profile whose values are kept where imagery cannot tell.
        images: How many images are looked at, at most, evenly over the folder.
        seed: Of the bootstrap.
    """

    target: Path
    gsd: float
    out: Path
    base: str = "satellite_1m"
    images: int = 60
    seed: int = 1

    def __post_init__(self) -> None:
        checks = (
            (0 < self.gsd < math.inf, "gsd must be a positive length in metres", self.gsd),
            (self.out.suffix in (".yaml", ".yml"), "out must be a YAML file", str(self.out)),
            (self.images >= LEAST_IMAGES, f"images must be at least {LEAST_IMAGES}", self.images),
            (self.seed >= 0, "seed must be at least 0", self.seed),
        )
        for good, message, got in checks:
            if not good:
                raise InputError(f"fit-sensor: {message}, got {got!r}")


def run(config: Config) -> None:
    """Writes the profile, its intervals and its page.

    Raises:
        InputError: There is too little imagery, or it is not 8-bit of one or three bands.
    """
    base = load_profile(config.base)
    if len(base.displayed) != 3:
        raise InputError(
            f"fit-sensor: base profile {config.base} is panchromatic; give one with three colours"
        )
    paths = list_images(config.target)
    if len(paths) < LEAST_IMAGES:
        raise InputError(
            f"{config.target} holds {len(paths)} images; a sensor needs at least {LEAST_IMAGES}: give more, "
            "or cut large ones into tiles"
        )
    paths = paths[:: -(-len(paths) // config.images)]
    for path in paths:
        _check(path)
    pictures = (read_image(path) for path in tqdm(paths, desc="fit sensor", unit="image"))
    fit = fit_sensor(pictures, replace(base, gsd=config.gsd), np.random.default_rng(config.seed))
    write_text(config.out, _profile_text(fit, config))
    write_json(config.out.with_suffix(".json"), {
        "values": {k: v for k, v in fit.values.items() if math.isfinite(v)},
        "intervals_95": {k: list(v) for k, v in fit.intervals.items()},
        "missing": dict(fit.missing), "assumed": ASSUMED, "base": config.base, "images": len(fit.samples),
        "clipped": float(np.mean([s.clipped for s in fit.samples])),
    })  # fmt: skip
    write_page(config.out.with_suffix(".png"), fit, read_image(paths[0]))
    print(f"look at  {config.out.with_suffix('.png')}; fly with --profile {config.out}")


def _check(path: Path) -> None:
    with open_raster(path) as dataset:
        colours = dataset.count - (dataset.colorinterp[-1] is ColorInterp.alpha)
        if dataset.dtypes[0] != "uint8" or colours not in (1, 3) or min(dataset.shape) < LEAST_SIDE:
            raise InputError(
                f"{path} has {dataset.count} bands of {dataset.height} x {dataset.width} {dataset.dtypes[0]} "
                f"pixels; give 8-bit images of one or three bands and at least {LEAST_SIDE} pixels a side, "
                "or take it out"
            )


def _profile_text(fit: SensorFit, config: Config) -> str:
    """The profile as YAML, with the intervals as comments."""
    count = len(fit.samples)
    rows = [f"# Fitted to {count} unlabelled images; base {config.base}. Estimates with 95 % intervals:"]
    for name, value in fit.values.items():
        told = fit.missing.get(name)
        low, high = fit.intervals.get(name, (math.nan, math.nan))
        found = f"{value:.4g} [{low:.4g}, {high:.4g}]" if math.isfinite(value) else "not seen"
        rows.append(f"#   {name}: {found}" + (f"; {told}" if told else ""))
    table = {f.name: _plain(getattr(fit.profile, f.name)) for f in fields(fit.profile) if f.name != "name"}
    return "\n".join([*rows, f"# Assumed: {ASSUMED}."]) + "\n" + yaml.safe_dump(table, sort_keys=False)


def _plain(value: object) -> object:
    """A value as YAML has it."""
    if isinstance(value, tuple):
        return list(value)
    return {name: list(band) for name, band in value.items()} if isinstance(value, Mapping) else value
