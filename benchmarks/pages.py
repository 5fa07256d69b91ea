"""Tables that measurements write into pages of docs/, each between two marks of its own."""

from pathlib import Path

from rasters.files import atomic_path


def put_between(page: Path, marks: tuple[str, str], table: str) -> None:
    """Replaces what stands between two marks of a Markdown page, which stay; whole or not at all."""
    begin, end = marks
    text = page.read_text(encoding="utf-8")
    before, after = text.split(begin)[0], text.split(end)[1]
    with atomic_path(page) as partial:
        partial.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")
