import errno
import re

import pytest

from pipelines import cli
from pipelines.cli import STAGES, main


def test_bare_command_lists_the_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(stage in shown for stage in STAGES)


def test_an_unknown_stage_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fly"]) == 2
    assert "there is no such stage" in capsys.readouterr().err


@pytest.mark.parametrize("stage", STAGES)
def test_every_option_is_explained(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([stage, "--help"])
    assert stop.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    options = re.findall(r"--[a-z_.]+ (?:[A-Z_]+|\{[^}]*\}|\[ITEM,...\]) (\S+)", shown)
    assert len(options) >= 5
    assert not [words for words in options if words.startswith("(type")]  # no words, only a type


def test_a_preset_is_found_by_its_name() -> None:
    path = str(cli.PRESETS / "town.yaml")
    words = ["--out", "town", "--config", "town", "--config=town", "--config", "mine.yaml"]
    assert cli._named_presets(words) == [
        "--out",
        "town",
        "--config",
        path,
        f"--config={path}",
        "--config",
        "mine.yaml",
    ]


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "x.tif"),
            2,
            "x.tif: No space left on device; free some space",
        ),
        (FloatingPointError("loss is nan at step 3"), 2, "loss is nan at step 3"),
        (KeyboardInterrupt(), 130, "run it again to go on"),
    ],
)
def test_failures_end_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    assert main(["map"]) == code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_errors_that_are_ours_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(cli, "_run", fail)
    with pytest.raises(KeyError):
        main(["map"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["map", "--out", "x"], "model"),
        (["simulate", "--out", "x", "--off-nadir", "3"], "--off_nadir"),
        (["simulate", "--out", "x", "--cities", "two"], "two"),
        (["simulate", "--out", "x", "--disasters", "fire"], "'[flood, fire]'"),
        (["simulate", "--out", "x", "--config", "tonw"], "town"),
        (["map", "--model", "m", "--pre", "a", "b", "--post", "c", "--out", "x"], "quote"),
    ],
)
def test_wrong_options_end_in_one_line(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]
