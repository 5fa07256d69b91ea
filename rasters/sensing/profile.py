"""Acquisition profiles: what kind of sensor took a picture. Data files, read safely."""

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np
import yaml

from rasters.errors import InputError
from rasters.sensing.detector import Geometry, Resampling
from rasters.sensing.spectra import needs_near_infrared

PROFILES = Path(__file__).parent / "profiles"

Range = tuple[float, float]
Band = tuple[float, float] | tuple[float, float, int]
"""Centre and full width at half maximum of a Gaussian response [um]; a third number is the side of its pixel
over the grid's."""
NONE: Range = (0.0, 0.0)
DISPLAYED = (("red", "green", "blue"), ("panchromatic",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An acquisition chain; each pair is the range one acquisition is drawn from.

    Attributes:
        name: Of the data file.
        gsd: Ground sample distance [m].
        height: Of the platform above the ground [m].
        geometry: "pushbroom", a line of pixels that sweeps, or "frame".
        local_time: Mean solar time of the flights [h].
        sun_elevation: Lowest sun that it flies in [deg].
        off_nadir: Largest angle between line of sight and vertical [deg].
        geolocation: Standard deviation of the georeferencing error along each axis [m], imagery only.
        bands: Spectral response by name; red, green and blue are displayed, or panchromatic alone.
        aod: Aerosol optical depth at 0.55 um of the weather it flies in.
        angstrom: Exponent of its fall with wavelength.
        water: Precipitable water [cm].
        ozone: Column [atm-cm].
        correction: Share of the atmosphere that the producer takes out of what is displayed.
        mtf: Modulation transfer at the Nyquist frequency of the product's grid: optics, detector, motion and
            resampling together, before sharpening; in (0, 0.63), for a square pixel alone has 0.637.
        band_shift: Standard deviation of a band's misregistration along each axis [pixels].
        prnu: Relative standard deviation of the pixels' sensitivity after calibration: of columns for a
            pushbroom (striping), of pixels for a frame.
        shot_noise: Variance per unit of signal, of reflectance at the sensor (photon noise).
        read_noise: Standard deviation at zero signal, of reflectance.
        full_scale: Reflectance at the sensor that saturates it.
        bits: Of the detector's digital numbers.
        heading: Of the track, clockwise from the grid's north [deg].
        resampling: From the focal plane onto the map's grid: "none", "bilinear" or "bicubic".
        pan_ratio: Side of a colour pixel over that of a panchromatic one; 1: no pan-sharpening.
        pan_band: Response of the panchromatic band.
        white: Reflectance that is displayed as white.
        gamma: Exponent of the display encoding; 1 / 2.2 is about sRGB's.
        contrast: Slope of the S-shaped tone curve at middle grey; 1 for none.
        saturation: Colour saturation of the product against the scene.
        balance: Relative standard deviation of the colour balance between acquisitions.
        grain: Standard deviation of film grain at middle grey, of full display.
        sharpening: Strength of the unsharp mask that products are given.
        jpeg: Quality in [1, 100]; 101 for none.
        jpeg2000: Compression ratio; 1 for none.
        reflectance: Whether reflectance at the sensor in all bands is delivered beside the displayed picture.
    """

    name: str
    gsd: float
    height: float
    geometry: Geometry
    local_time: Range
    sun_elevation: float
    off_nadir: float
    geolocation: float
    bands: Mapping[str, Band]
    aod: Range
    angstrom: Range
    water: Range = (0.5, 3.0)
    ozone: Range = (0.25, 0.40)
    correction: Range
    mtf: Range
    band_shift: Range = NONE
    prnu: Range = NONE
    shot_noise: Range
    read_noise: Range
    full_scale: float
    bits: int
    heading: Range = NONE
    resampling: Resampling = "none"
    pan_ratio: int = 1
    pan_band: Range = (0.625, 0.35)
    white: Range
    gamma: Range
    contrast: Range
    saturation: Range
    balance: Range
    grain: Range = NONE
    sharpening: Range
    jpeg: Range = (101.0, 101.0)
    jpeg2000: Range = (1.0, 1.0)
    reflectance: bool = False

    def __post_init__(self) -> None:
        for field_ in fields(self):
            value = getattr(self, field_.name)
            low = -math.inf if field_.name == "heading" else 0
            ranged = field_.type == Range and field_.name != "pan_band"
            if ranged and not low <= value[0] <= value[1] < math.inf:
                self._refuse(f"{field_.name} must be {low} <= low <= high", value)
            if field_.type in (float, int) and not 0 <= value < math.inf:
                self._refuse(f"{field_.name} must be at least 0", value)
            if get_args(field_.type) and isinstance(value, str) and value not in get_args(field_.type):
                self._refuse(f"{field_.name} must be among {get_args(field_.type)}", value)
        checks = (
            (self.gsd > 0, "gsd must be positive metres", self.gsd),
            (self.height > 0, "height must be positive metres", self.height),
            (self.mtf[0] > 0 and self.mtf[1] < 0.63, "mtf must be in (0, 0.63)", self.mtf),
            (self.full_scale > 0, "full_scale must be a positive reflectance", self.full_scale),
            (1 <= self.bits <= 16, "bits must be in [1, 16]", self.bits),
            (self.pan_ratio >= 1, "pan_ratio must be at least 1", self.pan_ratio),
            (min(self.ratios, default=1) >= 1, "bands' pixels must be at least the grid's", dict(self.bands)),
            (self.pan_ratio == 1 or max(self.ratios, default=1) == 1, "pan-sharpened bands have one pixel",
             dict(self.bands)),
            (self.local_time[1] < 24, "local_time must be hours in [0, 24)", self.local_time),
            (self.off_nadir <= 40, "off_nadir must be in [0, 40] degrees", self.off_nadir),
            (self.sun_elevation < 60, "sun_elevation must be below 60 degrees", self.sun_elevation),
            (self.correction[1] <= 1, "correction must be in [0, 1]", self.correction),
            (self.white[0] > 0, "white must be a positive reflectance", self.white),
            (any(set(names) <= set(self.bands) for names in DISPLAYED), f"bands must hold one of {DISPLAYED}",
             tuple(self.bands)),
            (all(0.4 <= c <= 2.5 and w > 0 for c, w in self.responses), "bands must lie in [0.4, 2.5] um",
             dict(self.bands)),
            (0.4 <= self.pan_band[0] <= 2.5 and self.pan_band[1] > 0, "pan_band must lie in [0.4, 2.5] um",
             self.pan_band),
            (self.jpeg[0] >= 1 and self.jpeg2000[0] >= 1, "jpeg and jpeg2000 must be at least 1", self.jpeg),
        )  # fmt: skip
        for good, message, got in checks:
            if not good:
                self._refuse(message, got)

    def _refuse(self, message: str, got: object) -> None:
        raise InputError(f"profile {self.name}: {message}, got {got!r}")

    @property
    def responses(self) -> np.ndarray:
        """(B, 2) centres and widths of all bands [um], the displayed ones first."""
        return np.array([self.bands[name][:2] for name in self.band_names], np.float64)

    @property
    def ratios(self) -> tuple[int, ...]:
        """Side of each band's pixel over the grid's, in the order of `responses`."""
        return tuple(int((*self.bands[name], 1)[2]) for name in self.band_names)

    @property
    def band_names(self) -> tuple[str, ...]:
        """The displayed bands, then the others in the file's order."""
        shown = self.displayed
        return (*shown, *(name for name in self.bands if name not in shown))

    @property
    def needs_near_infrared(self) -> bool:
        """Whether a band that is delivered, or the panchromatic one, sees beyond the red."""
        seen = self.responses if self.reflectance else self.responses[: len(self.displayed)]
        return needs_near_infrared(np.vstack([seen, [self.pan_band]]) if self.pan_ratio > 1 else seen)

    @property
    def displayed(self) -> tuple[str, ...]:
        """Names of the bands that are displayed: three, or one."""
        return next((names for names in DISPLAYED if set(names) <= set(self.bands)), ())


def profile_path(name: str) -> Path:
    """The data file of a profile: `name` itself if it is a YAML file's."""
    return Path(name) if name.endswith((".yaml", ".yml")) else PROFILES / f"{name}.yaml"


def load_profile(name: str) -> Profile:
    """A profile by the name of its file in `profiles/`, or by the path of a YAML file.

    Raises:
        InputError: No such profile, or a key is unknown, missing or out of range.
    """
    path = profile_path(name)
    known = sorted(p.stem for p in PROFILES.glob("*.yaml"))
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        raise InputError(f"no acquisition profile {name!r}; there are {known}, or give a YAML file") from None
    except yaml.YAMLError as error:
        told = " ".join(str(error).replace('in "<unicode string>", ', "").split())
        raise InputError(f"{path} is not YAML: {told}") from error
    keys = {f.name: f for f in fields(Profile) if f.name != "name"}
    needed = {key for key, f in keys.items() if f.default is MISSING}
    if not isinstance(table, dict):
        raise InputError(f"{path} must hold keys with values, got {type(table).__name__}")
    for told, wrong in (("lacks", needed - set(table)), ("holds unknown", set(table) - set(keys))):
        if wrong:
            raise InputError(f"{path} {told} keys {sorted(map(str, wrong))}; copy one of {PROFILES}/*.yaml")
    values = {key: _read(path, key, keys[key].type, value) for key, value in table.items()}
    return Profile(name=path.stem, **values)


def _read(path: Path, key: str, kind: Any, value: Any) -> Any:
    """A value of a data file as its attribute's type; a single number stands for a range of that number."""
    try:
        if kind is bool and not isinstance(value, bool):
            raise TypeError(value)
        if kind in (float, int):
            return kind(value)
        if kind == Range:
            low, high = value if isinstance(value, list) else (value, value)
            return float(low), float(high)
        if get_origin(kind) is Mapping:
            return types.MappingProxyType(
                {str(n): (float(c), float(w), *map(int, more)) for n, (c, w, *more) in value.items()}
            )
    except (TypeError, ValueError, AttributeError) as error:
        wanted = {"bands": "a mapping of names to pairs of numbers", "reflectance": "true or false"}.get(
            key, "a number or a pair of numbers"
        )
        raise InputError(f"{path}: {key} must be {wanted}, got {value!r}") from error
    return value
