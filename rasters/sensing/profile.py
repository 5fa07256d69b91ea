"""Acquisition profiles: what kind of sensor took a picture. Data files, read safely."""

from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from rasters.errors import InputError

PROFILES = Path(__file__).parent / "profiles"

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """An acquisition chain; each pair is the range one acquisition is drawn from.

    Attributes:
        name: Of the data file.
        gsd: Ground sample distance [m].
        mtf: Modulation transfer of optics, detector and resampling at the Nyquist frequency, in (0, 1).
        haze: Path radiance as apparent reflectance in the blue band; red and green get less of it
            by the wavelength's power `haze_exponent`.
        haze_exponent: Ångström exponent of the haze, about 1.3 for continental aerosol (Ångström 1964).
        white: Reflectance that is displayed as white.
        gamma: Exponent of the display encoding; 1 / 2.2 is about sRGB's.
        contrast: Slope of the S-shaped tone curve at middle grey; 1 for none.
        saturation: Colour saturation of the product against the scene.
        balance: Relative standard deviation of the colour balance between acquisitions.
        shot_noise: Variance per unit of signal, of reflectance (photon noise).
        read_noise: Standard deviation at zero signal, of reflectance.
        sharpening: Strength of the unsharp mask that products are given.
        jpeg: Quality in [1, 100]; 101 for lossless.
    """

    name: str
    gsd: float
    mtf: Range
    haze: Range
    haze_exponent: Range
    white: Range
    gamma: Range
    contrast: Range
    saturation: Range
    balance: Range
    shot_noise: Range
    read_noise: Range
    sharpening: Range
    jpeg: Range

    def __post_init__(self) -> None:
        if not self.gsd > 0:
            raise InputError(f"profile {self.name}: gsd must be positive metres, got {self.gsd!r}")
        for field in fields(self)[2:]:
            low, high = getattr(self, field.name)
            if not 0 <= low <= high:
                raise InputError(
                    f"profile {self.name}: {field.name} must be 0 <= low <= high, got {low!r}, {high!r}"
                )
        if not 0 < self.mtf[0] <= self.mtf[1] < 1:
            raise InputError(f"profile {self.name}: mtf must be in (0, 1), got {self.mtf!r}")


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
        raise InputError(f"{path} is not YAML: {error}") from error
    keys = {field.name for field in fields(Profile)} - {"name"}
    if not isinstance(table, dict) or set(table) != keys:
        got = sorted(table) if isinstance(table, dict) else type(table).__name__
        raise InputError(f"{path} must hold exactly the keys {sorted(keys)}, got {got}")
    try:
        ranges = {key: (float(table[key][0]), float(table[key][1])) for key in keys - {"gsd"}}
        gsd = float(table["gsd"])
    except (TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: gsd must be a number and the others pairs of numbers ({error})") from error
    return Profile(name=path.stem, gsd=gsd, **ranges)
