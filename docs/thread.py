"""Makes docs/images/thread.jpg from a finished `make demo` without real imagery (runs/demo)."""

import sys
import tempfile
from pathlib import Path

from PIL import Image

from rasters.capture import read_capture
from rasters.classes import Damage, LandCover, paint
from rasters.pictures import write_sheet

COLUMNS = (
    "simulated before",
    "simulated after",
    "land cover after",
    "damage",
    "adapted before",
    "adapted after",
)
NAMES = ("flood", "earthquake", "fire", "storm")


def change(folder: Path, name: str) -> float:
    """How much there is to see: share of flooded or of damaged pixels."""
    layers = read_capture(folder, ["damage", "flood_depth"]).layers
    seen = layers["flood_depth"] > 0.3 if name == "flood" else layers["damage"] > Damage.NO_DAMAGE
    return float(seen.mean())


def main(demo: Path) -> None:
    """Writes the picture: one capture of each disaster, simulated, labelled and adapted to the stand-in."""
    rows, names = [], []
    for name in NAMES:
        folders = sorted((demo / "captures").glob(f"*-{name}-*"))
        folder = max(folders, key=lambda f: change(f, name))
        simulated = read_capture(folder).layers
        adapted = read_capture(
            demo / "adapted" / "captures" / folder.name, ["image_pre", "image_post"]
        ).layers
        labels = (paint(simulated["land_cover_post"], LandCover), paint(simulated["damage"], Damage))
        rows.append(
            [
                simulated["image_pre"],
                simulated["image_post"],
                *(label.transpose(2, 0, 1) for label in labels),
                adapted["image_pre"],
                adapted["image_post"],
            ]
        )
        names.append(f"{name}: {folder.name}")
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "thread.png"
        write_sheet(
            sheet, rows, columns=COLUMNS, names=names, note="adapted to a simulated stand-in", side=190
        )
        picture = Image.open(sheet).convert("RGB")
    picture.save(Path(__file__).parent / "images" / "thread.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo"))
