"""The whole way: export, stand-in, `mage simulate --engine carla`, against the embedded engine's frames."""

from pathlib import Path

import numpy as np
import pytest
from carla_town import stand_in

from pipelines.cli import main
from rasters.capture import read_capture
from rasters.catalogue import finished

pytest.importorskip("carla", reason="CARLA's client is not installed; see docs/carla.md")

WORDS = ["--cities", "3", "--styles", "[latin_american_metropolis]", "--tile", "64", "--samples", "1"]
DISASTERS = ["--disasters", "[flood, earthquake, fire]"]


@pytest.mark.slow
def test_captures_over_a_server_equal_the_embedded_engine_s(tmp_path: Path) -> None:
    words = [*WORDS, *DISASTERS]
    assert main(["carla-export", *words, "--out", str(tmp_path / "package")]) == 0
    with stand_in(tmp_path / "package") as (port, _):
        server = ["--engine", "carla", "--carla-host", "127.0.0.1", "--carla-port", str(port)]
        settle = ["--carla-settle", "1", "--out", str(tmp_path / "carla")]
        assert main(["simulate", *words, *server, *settle]) == 0
    assert main(["simulate", *words, "--engine", "frames", "--out", str(tmp_path / "frames")]) == 0
    folders = finished(tmp_path / "frames")
    assert [f.name for f in folders] == [f.name for f in finished(tmp_path / "carla")]
    assert len(folders) == 3
    for folder in folders:
        ours, theirs = read_capture(folder).layers, read_capture(tmp_path / "carla" / folder.name).layers
        assert ours["image_post"].std() > 5
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=f"{folder.name} {name}")
