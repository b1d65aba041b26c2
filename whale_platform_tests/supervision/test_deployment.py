"""Which code runs and which is checked out, where git answers, changes its answer, and says nothing."""

import subprocess
from pathlib import Path

import pytest

from whale_platform import version
from whale_platform.supervision.deployment import Deployment

ME = ("-c", "user.name=x", "-c", "user.email=x@localhost")


def test_a_service_is_old_until_it_is_started_with_what_is_checked_out() -> None:
    answers = ["aaa"]
    deployment = Deployment(lambda: answers[-1], every_s=0)
    assert not deployment.is_outdated("sink"), "never started"
    assert not deployment.record_start("sink")
    answers.append("bbb")
    assert deployment.refresh()
    assert not deployment.refresh(), "told once"
    assert (deployment.is_outdated("sink"), deployment.code_of("sink"), deployment.checkout) == (True, "aaa", "bbb")
    answers.append("ccc")
    assert deployment.record_start("sink"), "the change was seen at the start"
    assert (deployment.is_outdated("sink"), deployment.is_current("sink")) == (False, True)


def test_where_git_can_not_say_nothing_is_old_and_nothing_new() -> None:
    answers = [""]
    deployment = Deployment(lambda: answers[-1], every_s=0)
    deployment.record_start("sink")
    assert not deployment.is_current("sink")
    answers.append("aaa")
    deployment.refresh()
    assert not deployment.is_outdated("sink"), "what it runs was never known"
    deployment.record_start("sink")
    answers.append("")
    assert not deployment.refresh(), "a git that fails for once is no change"
    assert deployment.is_current("sink")


def test_git_is_not_asked_at_every_turn() -> None:
    asked: list[int] = []
    deployment = Deployment(lambda: asked.append(1) or "aaa")  # type: ignore[func-returns-value]
    for _ in range(100):
        deployment.refresh()
    assert len(asked) == 1


def test_only_a_commit_to_this_package_is_new_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def commit(name: str) -> str:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
        for words in (["add", "-A"], [*ME, "commit", "-q", "-m", "x"]):
            subprocess.run(["git", *words], cwd=tmp_path, check=True)
        return version.deployed_code()

    monkeypatch.setattr(version, "ROOT", tmp_path)
    assert version.deployed_code() == "", "no checkout"
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    first = commit(f"{version.PACKAGE}/one.py")
    assert first
    assert commit("README.md") == first
    assert commit(f"{version.PACKAGE}/two.py") not in ("", first)
