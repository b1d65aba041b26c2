"""Class data archives: classes of a program as Java holds them in memory, so that a start does not parse them again.

Java maps such a file (`-XX:SharedArchiveFile`) in place of reading jars. It refuses one of another Java or of other
jars by itself, and goes on without; but it trusts the file's length, and one that is cut short may kill it with SIGBUS.
So an archive counts only with the note beside it, which is written last and holds its size and what it was made of.
Every doubt means no archive: the program then starts as it would have without this module.

An archive holds the classes of Java itself too, so that it also serves a Java that comes without one of its own, as
the bundled one does.
"""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from whale_platform.files.atomic_files import write_json
from whale_platform.files.file_lock import hold_lock
from whale_platform.supervision.errors import SetupProgramError
from whale_platform.supervision.processes import setup_programs
from whale_platform.toolchain import java

REFUSALS = ("not supported", "Unrecognized")  # of a Java that can't; what else fails (disk, memory) may not next time


class ClassArchive:
    """The archive of one program, named `name`, under `tools`.

    `command`: the `java` that runs it, and the options that its garbage collector and heap are chosen by.
    """

    def __init__(self, tools: Path, name: str, command: Sequence[str], classpath: str) -> None:
        self.file = tools / "archives" / f"{name}.jsa"
        self._note = self.file.with_suffix(".json")
        self._command = command
        self._classpath = classpath

    def read_options(self) -> list[str]:
        """Return the JVM options that use the archive; none where it is absent, damaged or made of something else."""
        return [f"-XX:SharedArchiveFile={self.file}"] if self._measure_size() and self.is_settled() else []

    def is_settled(self) -> bool:
        """Whether nothing is left to make: the archive fits, or it is noted that this Java makes none of these jars."""
        try:
            note = json.loads(self._note.read_text())
            return bool(note == {"bytes": self._measure_size(), "key": self._compute_key()})
        except (OSError, ValueError):
            return False

    def ensure_made(self, train: Callable[[list[str]], None]) -> None:
        """Make the archive where it is missing or does not fit. Waits for another process that makes it.

        `train` runs the program once with the JVM options that it gets, by which Java lists the classes. What Java can
        make no archive of is noted, and not tried again. Raises OSError where `tools` can't be written,
        SetupProgramError where Java fails otherwise, and what `train` raises.
        """
        with hold_lock(self.file.with_suffix(".lock")):
            if self.is_settled():
                return
            classes = self.file.with_suffix(".classes")
            try:
                train([f"-XX:DumpLoadedClassList={classes}"])
                self._dump(classes, self._classpath)
            finally:
                classes.unlink(missing_ok=True)

    def make_from(self, listed: Path, classpath: str) -> None:
        """Make the archive where it does not fit, of what a program that still runs has `listed` so far.

        `classpath`: the one that Java told the program, wildcards expanded. Raises as `ensure_made`.
        """
        with hold_lock(self.file.with_suffix(".lock")):
            if self.is_settled():
                return
            classes = self.file.with_suffix(".classes")
            text = listed.read_text()
            try:
                classes.write_text(text[: text.rfind("\n") + 1])  # the last line may be half written
                self._dump(classes, classpath)
            finally:
                classes.unlink(missing_ok=True)

    def _dump(self, classes: Path, classpath: str) -> None:
        fresh = self.file.with_suffix(".new")
        options = ["-Xshare:dump", f"-XX:SharedClassListFile={classes}", f"-XX:SharedArchiveFile={fresh}"]
        try:
            done = setup_programs.run_program([*self._command, *options, "-cp", classpath])
            if done.returncode and not any(text in done.stderr for text in REFUSALS):
                lines = done.stderr.strip().splitlines() or ["no message"]
                raise SetupProgramError(f"Java ended with {done.returncode} while it dumped classes: {lines[-1]}")
            self._note.unlink(missing_ok=True)
            self.file.unlink(missing_ok=True)
            if done.returncode == 0 and fresh.exists():
                fresh.replace(self.file)
            write_json(self._note, {"bytes": self._measure_size(), "key": self._compute_key()})
        finally:
            fresh.unlink(missing_ok=True)

    def _measure_size(self) -> int:
        """The archive's size in bytes, 0 where there is none."""
        try:
            return self.file.stat().st_size
        except OSError:
            return 0

    def _compute_key(self) -> str:
        """A digest of the build of Java and its options, and of each jar's path, size and time, as Java compares it."""
        digest = hashlib.sha256("\0".join((java.read_build(Path(self._command[0])), *self._command)).encode())
        for jar in self._classpath.split(os.pathsep):
            found = Path(jar).stat()
            digest.update(f"\0{jar}\0{found.st_size}\0{found.st_mtime_ns}".encode())
        return digest.hexdigest()
