"""`mage map`: a model and two mosaics to rasters, building polygons, hot spots, a summary and a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tqdm import tqdm

from mapping.hotspots import find_hotspots
from mapping.inference import finished, map_files, map_mosaics
from mapping.page import Caption, write_page
from mapping.quicklook import write_quicklook
from mapping.scene import align
from mapping.summary import summarise
from mapping.vectors import trace_buildings, write_geopackage
from pipelines.devices import pick_device
from pipelines.settings import settings, settle
from rasters.errors import InputError
from rasters.files import write_json
from rasters.folders import list_mosaic
from segmentation.model_file import load_model, predict


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of `mage map`.

    Attributes:
        model: Model file, from `mage train`.
        pre: Mosaic before: a GeoTIFF, a folder of them, or a quoted pattern such as 'before/*.tif'.
        post: Mosaic after, likewise; its grid may differ.
        out: Folder for the map.
        gsd: Pixel side to map at [m]; the model's own if not given.
        window: Side of the squares the network sees [pixels], a multiple of 32.
        overlap: How much neighbouring squares share [pixels].
        batch: Squares to predict at once.
        flips: Average over mirrored views; four times the work.
        title: Of the page.
        note: Said on the page, such as that the imagery is simulated.
        device: "auto", "cpu" or "cuda".
    """

    model: Path
    pre: str
    post: str
    out: Path
    gsd: float | None = None
    window: int = 512
    overlap: int = 128
    batch: int = 2
    flips: bool = False
    title: str = "Damage map"
    note: str = ""
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.gsd is not None and not 0.01 <= self.gsd <= 100:
            raise InputError(f"gsd must be in [0.01, 100] metres, got {self.gsd}")
        if self.window <= 0 or self.window % 32 or not 0 <= self.overlap < self.window or self.batch < 1:
            raise InputError(
                f"window must be a multiple of 32, overlap less than window and batch at least 1, "
                f"got {self.window}, {self.overlap}, {self.batch}"
            )


def run(config: Config) -> None:
    """Writes `config.out`; a map that is already there is kept.

    Raises:
        InputError: The model or a mosaic cannot be used, or the folder holds another result.
    """
    model = load_model(config.model, pick_device(config.device))
    pre, post = list_mosaic(config.pre), list_mosaic(config.post)
    scene = align(pre, post, gsd=config.gsd or model.gsd)
    settle(config.out, "map", settings(config), [config.model, *pre, *post])
    page = config.out / "map.html"
    if page.is_file():
        print(f"the map is there already: {page}")
        return
    files = map_files(config.out)
    if not finished(files):
        with tqdm(total=100, desc="map", unit="%") as bar:
            map_mosaics(
                scene,
                partial(predict, model, flips=config.flips),
                config.out,
                window=config.window,
                overlap=config.overlap,
                batch=config.batch,
                report=lambda share: bar.update(round(100 * share) - bar.n),
            )
    buildings = trace_buildings(files)
    cells = find_hotspots(buildings)
    write_geopackage(config.out / "map.gpkg", {"buildings": buildings, "hot_spots": cells})
    summary = summarise(scene, files, buildings, cells)
    write_json(config.out / "summary.json", summary)
    caption = Caption(title=config.title, before=_named(pre), after=_named(post), note=config.note)
    write_quicklook(config.out / "quicklook.png", scene, files, caption)
    write_page(page, scene, files, buildings, cells, summary, caption)
    print(f"open  {page.resolve()}")


def _named(paths: Sequence[Path]) -> str:
    return paths[0].name if len(paths) == 1 else f"{paths[0].name} and {len(paths) - 1} more"
