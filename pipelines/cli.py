"""`mage STAGE [options]`: the options are the fields of the stage's frozen `Config` dataclass."""

import argparse
import difflib
import errno
import importlib
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import yaml
from jsonargparse import ArgumentParser

import simulator
from pipelines.settings import leaves_nothing
from rasters.errors import InputError

STAGES = {
    "demo": "simulate, adapt, train, evaluate and map, with a table and a page at the end",
    "simulate": "captures of procedural or mapped cities before and after disasters, with exact labels",
    "atlas": "one sheet with every style of city, at 1 m and at 0.3 m",
    "fit-sensor": "an acquisition profile fitted to unlabelled imagery, with intervals",
    "adapt": "make captures look like real imagery, labels untouched",
    "adapt report": "how real adapted captures look and what became of their labels, as one page",
    "train": "train the damage network on captures and labelled real imagery",
    "evaluate": "score a model on a labelled folder",
    "map": "damage map of two mosaics, before and after",
    "carla-export": "the cities of a scenario as a package of props and roads for a CARLA server",
    "carla-standin": "a server that speaks CARLA's protocol and is not CARLA: the embedded engine draws",
}
# Threads that wait for each other by spinning take the cores from whoever else works on the machine: beside
# other jobs a training took four times as long. Read when torch's OpenMP is loaded, so it is set before.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
PRESETS = Path(simulator.__file__).parent / "presets"


def main(words: Sequence[str] | None = None) -> int:
    """Runs a stage; 0 when it succeeded, 2 when what was given cannot be used, 130 when interrupted."""
    words = list(sys.argv[1:] if words is None else words)
    if not words or words[0] in ("-h", "--help"):
        print(_usage())
        return 0
    if words[0] not in STAGES:
        print(_usage(), file=sys.stderr)
        return _fail(words[0], f"there is no such stage; there are {', '.join(STAGES)}")
    count = 2 if " ".join(words[:2]) in STAGES else 1
    stage, options = " ".join(words[:count]), words[count:]
    try:
        _run(stage, options)
    except (InputError, FloatingPointError, ImportError) as error:
        return _fail(stage, str(error))
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        return _fail(stage, f"{error.filename or 'the output'}: {error.strerror}; {REMEDIES[error.errno]}")
    except KeyboardInterrupt:
        print(f"mage {stage}: interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0


REMEDIES = {
    errno.ENOSPC: "free some space and run again, what is finished is kept",
    errno.EDQUOT: "free some space and run again, what is finished is kept",
    errno.EACCES: "check its permissions",
    errno.EROFS: "choose an output folder that can be written",
    errno.ENOENT: "choose an output folder that can be made",
    errno.ENOTDIR: "a file stands where a folder is needed; choose another output folder",
    errno.EEXIST: "a file stands where a folder is needed; choose another output folder",
}


def _usage() -> str:
    rows = "\n".join(f"  {name:14} {summary}" for name, summary in STAGES.items())
    return f"usage: mage STAGE [options]\n\n{rows}\n\n`mage STAGE --help` lists a stage's options."


def _fail(stage: str, message: str) -> int:
    print(f"mage {stage}: error: {message}", file=sys.stderr)
    return 2


def _run(stage: str, words: Sequence[str]) -> None:
    module = importlib.import_module(
        f"pipelines.{re.sub('[- ]', '_', stage)}"
    )  # only this stage's packages are loaded
    summary = f"{STAGES[stage].capitalize()}."
    parser = ArgumentParser(prog=f"mage {stage}", description=summary, exit_on_error=False)
    parser.add_argument(
        "--config", action="config", help="YAML file; for simulate also the name of a preset, as --preset"
    )
    parser.add_class_arguments(module.Config, None)
    words = _named_presets(words)
    _check_yaml(_config_files(words))
    try:
        given = parser.instantiate(parser.parse_args(words))
    except argparse.ArgumentError as error:
        names = [field.name for field in fields(module.Config)]
        raise InputError(_option_error(stage, error, names, words)) from None
    try:
        config = module.Config(**{field.name: given[field.name] for field in fields(module.Config)})
    except ValueError as error:
        raise InputError(str(error)) from error
    with leaves_nothing(getattr(config, "out", None)):
        module.run(config)


def _config_files(words: Sequence[str]) -> list[Path]:
    """The YAML files among the words of a command line."""
    following = [after for word, after in pairwise(words) if word == "--config"]
    joined = [word.removeprefix("--config=") for word in words if word.startswith("--config=")]
    return [path for path in map(Path, following + joined) if path.is_file()]


def _check_yaml(paths: Sequence[Path]) -> None:
    """Raises an InputError that names a file that is no YAML; the parser's own tells only the line."""
    for path in paths:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            where = "" if mark is None else f", line {mark.line + 1}"
            why = re.sub(r"\s+", " ", str(getattr(error, "problem", None) or error))
            raise InputError(
                f"{path}{where}: is not YAML ({why}); write `name: value`, one a line"
            ) from error
        if not isinstance(content, dict):
            raise InputError(f"{path}: holds no settings; write `name: value`, one a line")


def _option_error(
    stage: str, error: argparse.ArgumentError, names: Sequence[str], words: Sequence[str]
) -> str:
    """One line for options that cannot be read, with the file they stand in and what is usually meant."""
    text = re.sub(r"\s+", " ", str(error)).removeprefix("Parser ")
    hints = (
        (r"\bconfig\b.*not exist", f"presets: {', '.join(sorted(p.stem for p in PRESETS.glob('*.yaml')))}"),
        (r"unrecognized arguments: [^-]", "quote patterns and lists, such as 'before/*.tif' or '[a, b]'"),
        (r"class 'tuple'", "write a list in quotes, such as '[flood, fire]'"),
    )
    found = [hint for pattern, hint in hints if re.search(pattern, text)]
    foreign = re.search(r"unrecognized arguments: --([\w.-]+)|Option '([\w.-]+)' is not accepted", text)
    if foreign:
        meant = (foreign[1] or foreign[2]).replace("-", "_")
        near = difflib.get_close_matches(meant, names, n=1)
        found += [f"did you mean {'--' if foreign[1] else ''}{name}?" for name in near]
    key = re.search(r"key \"([\w.]+)\"|Option '([\w.-]+)'", text)
    where = _file_of(key[1] or key[2], words) if key else None
    told = text if where is None else f"{where}: {text}"
    return "; ".join([told, *found[:1], f"`mage {stage} --help` lists the options"])


def _file_of(key: str, words: Sequence[str]) -> Path | None:
    """The last YAML file that sets an option; None if the command line itself does, or nothing."""
    if any(word.split("=")[0] == f"--{key}" for word in words):
        return None
    top = key.split(".")[0]
    holding = [p for p in _config_files(words) if top in yaml.safe_load(p.read_text(encoding="utf-8"))]
    return holding[-1] if holding else None


def _named_presets(words: Sequence[str]) -> list[str]:
    """The words with the name of a preset after --config, or --preset, replaced by its file; CARLA's own
    options may be written with a hyphen, as its clients' are."""
    words = [re.sub(r"^--carla-(?=[a-z])", "--carla_", word) for word in words]
    words = [re.sub(r"^--preset(?=$|=)", "--config", word) for word in words]
    found = [word.removeprefix("--config=") for word in words]
    for index, word in enumerate(words):
        follows = index > 0 and words[index - 1] == "--config"
        path = PRESETS / f"{found[index]}.yaml"
        named = (follows or word.startswith("--config=")) and path.is_file()
        found[index] = (str(path) if follows else f"--config={path}") if named else word
    return found
