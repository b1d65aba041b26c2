"""What can happen to a checkpoint's files, each by its name: a function that does it to the checkpoint at a path."""

import shutil
from collections.abc import Callable
from pathlib import Path

from whale_platform.stream.query import checkpoints

Damage = Callable[[Path], None]


def newest(folder: Path, names: str) -> Path:
    """The file of the highest version."""

    def version(file: Path) -> int:
        digits = file.name.partition("_")[0].partition(".")[0]
        return int(digits) if digits.isdigit() else 0

    return max(folder.rglob(names), key=version)


def in_log(log: str) -> Callable[[Path], Path]:
    return lambda path: max((path / log).glob("[0-9]*"), key=lambda file: int(file.name))


def change(find: Callable[[Path], Path], how: str) -> Damage:
    """Empty, halve, spoil or delete a file; `bare` without its checksum, as where both were torn."""

    def act(path: Path) -> None:
        file = find(path)
        content = bytearray(file.read_bytes())
        if "bare" in how:
            file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
            file.with_name(f"{file.name}.crc").unlink(missing_ok=True)
        if "gone" in how:
            file.unlink()
        elif "bits" in how:
            for place in range(len(content) // 2, min(len(content) // 2 + 8, len(content))):
                content[place] ^= 0xFF
            file.write_bytes(content)
        elif "version" in how:
            file.write_bytes(content.replace(b"v", b"v9", 1))
        else:
            file.write_bytes(
                {"empty": b"", "junk": b'{"a": \xff\x00'}.get(how.split()[0], content[: len(content) // 2])
            )

    return act


def state(names: str) -> Callable[[Path], Path]:
    return lambda path: newest(path / "state", names)


DAMAGES: dict[str, Damage] = {
    **{
        f"offsets {how}": change(in_log("offsets"), how)
        for how in ("empty", "half", "half bare", "junk", "version bare")
    },
    **{f"commits {how}": change(in_log("commits"), how) for how in ("empty", "junk", "version bare")},
    **{f"metadata {how}": change(lambda path: path / "metadata", how) for how in ("empty", "gone")},
    "label empty": change(lambda path: path / checkpoints.LABEL_FILE, "empty"),
    "all offsets gone": lambda path: shutil.rmtree(path / "offsets"),
    "state gone": lambda path: shutil.rmtree(path / "state"),
    **{f"changelog {how}": change(state("*.changelog"), how) for how in ("empty", "half", "bits", "bits bare", "gone")},
    **{f"schema {how}": change(state("schema"), how) for how in ("empty", "bits")},
}


def unfinished(begun: bool) -> Damage:
    """As where the first batch was ended after it had written its state; `begun`: in mode microbatch."""

    def act(path: Path) -> None:
        shutil.rmtree(path / "commits")
        for file in (path / "offsets").iterdir():
            if not begun or file.name.strip(".").partition(".")[0] != "0":
                file.unlink()

    return act


HARMLESS: dict[str, Damage] = {
    "nothing": lambda path: None,
    "first batch unfinished": unfinished(False),
    "first batch begun": unfinished(True),
    "checkpoint deleted": lambda path: shutil.rmtree(path),
    "operator metadata empty": change(state("metadata"), "empty"),
}
