import errno
import re
from pathlib import Path

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
        main([*stage.split(), "--help"])
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
        (["simulate", "--out", "x", "--citties", "3"], "did you mean --cities?"),
        (["simulate", "--out", "x", "--disasters=[fire]", "--citties=3"], "did you mean --cities?"),
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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seed: [1", ", line "),
        ("- seed", "write `name: value`"),
        ("citties: 3", "did you mean cities?"),
        ("cities: lots", "lots"),
    ],
)
def test_a_wrong_file_of_settings_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    for words in (["--config", str(path)], [f"--config={path}"]):
        assert main(["simulate", "--out", str(tmp_path / "out"), *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"{path}" in line
        assert said in line


def test_a_mistake_on_the_command_line_is_not_blamed_on_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("cities: 2")
    assert main(["simulate", "--out", "x", "--config", str(path), "--cities", "lots"]) == 2
    assert str(path) not in capsys.readouterr().err


def test_a_stage_of_two_words_is_found_and_the_first_word_alone_still_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(cli, "_run", lambda stage, words: begun.append((stage, words)))
    assert main(["adapt", "report", "--adapted", "x"]) == 0
    assert main(["adapt", "--out", "report"]) == 0
    assert begun == [("adapt report", ["--adapted", "x"]), ("adapt", ["--out", "report"])]
