"""Makes docs/images/sensors.jpg: one city through every acquisition profile, without labels."""

import math
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rasters.pictures import write_sheet
from rasters.sensing.atmosphere import Sight
from rasters.sensing.imaging import expose, sample_acquisition, sample_air
from rasters.sensing.profile import PROFILES, Profile, load_profile
from simulator.city.city import generate_city
from simulator.city.model import City
from simulator.city.style import load_style
from simulator.engines.bands import draw_bands
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Light
from simulator.scene.build import build_scene

SIZE, SIDE, SEED = 460.0, 208, 5  # of the city [m], of a picture [pixels], of everything
LIGHT = Light(sun_azimuth=math.radians(140), sun_elevation=math.radians(48), sky=0.22)
STYLE = "north_american_suburb"


def camera(profile: Profile, city: City) -> Camera:
    """Straight down on the house nearest to the middle, from one point if the profile is a frame's; wide
    pixels see as much as the city has, around its own middle."""
    pixels = min(SIDE, int((SIZE - 40) / profile.gsd))
    half = pixels * profile.gsd / 2
    houses = np.array([b.footprint.mean(axis=0) for b in city.buildings])
    east, north = houses[np.argmin(np.hypot(*(houses - SIZE / 2).T))]
    east, north = (float(np.clip(x, half + 20, SIZE - half - 20)) for x in (east, north))
    up = float(city.terrain.sample(east, north)) + profile.height
    return Camera(
        west=east - half, north=north + half, gsd=profile.gsd, height=pixels, width=pixels,
        centre=(east, north, up) if profile.geometry == "frame" else None,
    )  # fmt: skip


def named(picture: np.ndarray, profile: Profile) -> np.ndarray:
    """The picture (3, H, W) uint8 at full size with its profile's name."""
    image = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    image = image.resize((SIDE, SIDE), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    text = f"{profile.name}, {profile.gsd:g} m"
    draw.rectangle((0, SIDE - 16, SIDE, SIDE), fill=(255, 255, 255))
    draw.text((3, SIDE - 15), text, (25, 33, 43), ImageFont.load_default(12))
    return np.asarray(image).transpose(2, 0, 1)


def main(folder: Path) -> None:
    """Writes the sheet."""
    city = generate_city(load_style(STYLE), SIZE, np.random.default_rng(SEED))
    scene = build_scene(city)
    profiles = sorted((load_profile(p.stem) for p in PROFILES.glob("*.yaml")), key=lambda p: p.gsd)
    engine = EmbeddedEngine()
    pictures = []
    for profile in profiles:
        samples = min(400, 4 * max(1, round(profile.gsd**2)))
        [frame] = draw_bands(
            engine, scene, [camera(profile, city)], LIGHT, samples=samples, seed=SEED,
            infrared=profile.needs_near_infrared,
        )  # fmt: skip
        rng = np.random.default_rng(SEED)
        acquisition = sample_acquisition(profile, sample_air(profile, rng), rng)
        sight = Sight(sun_elevation=LIGHT.sun_elevation, azimuth=LIGHT.sun_azimuth, altitude=profile.height)
        pictures.append(named(expose(frame.reflectance, acquisition, sight, rng).display, profile))
    pictures += [np.full_like(pictures[0], 255)] * (-len(pictures) % 4)
    rows = [pictures[start : start + 4] for start in range(0, len(pictures), 4)]
    with tempfile.TemporaryDirectory() as scratch:
        sheet = Path(scratch) / "sensors.png"
        write_sheet(sheet, rows, columns=["one city through every profile", "", "", ""], side=SIDE)
        picture = Image.open(sheet).convert("RGB")
    picture.save(folder / "sensors.jpg", quality=88, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images")
