from pathlib import Path

import numpy as np

from rasters.folders import read_image
from rasters.pictures import write_sheet


def test_a_sheet_shows_every_picture_in_its_row_and_column(tmp_path: Path) -> None:
    rows = [[np.full((3, 50, 70), 40 * r + 100 * c + 10, np.uint8) for c in range(2)] for r in range(2)]
    write_sheet(tmp_path / "s.png", rows, columns=("left", "right"), side=40)
    sheet = read_image(tmp_path / "s.png")
    shown = sheet[0][np.isin(sheet[0], (10, 50, 110, 150))]
    assert shown.size >= 4 * 40 * 40
    first, last = (np.argwhere(sheet[0] == tone).mean(axis=0) for tone in (10, 150))
    assert (last - first > 40).all()


def test_a_sheet_carries_its_note(tmp_path: Path) -> None:
    picture = [[np.zeros((3, 20, 20), np.uint8)]]
    for name, note in (("plain", ""), ("noted", "stand-in")):
        write_sheet(tmp_path / f"{name}.png", picture, columns=("x",), title="t", note=note, side=200)
    plain, noted = (read_image(tmp_path / f"{name}.png") for name in ("plain", "noted"))
    assert (plain != noted).any()


def test_a_legend_names_each_colour_below_the_rows(tmp_path: Path) -> None:
    picture = [[np.zeros((3, 20, 20), np.uint8)]]
    scale = [(f"class {k}", (20 * k + 7, 200 - k, 90)) for k in range(9)]
    for side in (150, 900):
        write_sheet(tmp_path / "s.png", picture, columns=("x",), side=side, legend=[("kinds:", scale)])
        sheet = read_image(tmp_path / "s.png")
        for _, colour in scale:
            row, col = np.nonzero((sheet == np.array(colour)[:, None, None]).all(axis=0))
            assert len(row) > 100
            assert row.min() > 24 + side
            assert col.max() < sheet.shape[2] - 6
    write_sheet(tmp_path / "plain.png", picture, columns=("x",), side=900)
    assert sheet.shape[1] - read_image(tmp_path / "plain.png").shape[1] in range(24, 60)  # one line is enough
