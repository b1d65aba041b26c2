"""Homes: one a source, never mixed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.homes import Home, HomeError, choose_home_name, find_current_home, open_home, read_home


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / "a.gz", tmp_path / "b.gz"]
    for file in made:
        file.touch()
    return made


def test_each_source_has_its_own_and_current_names_the_last(tmp_path: Path, files: list[Path]) -> None:
    base = tmp_path / "base"
    assert find_current_home(base) is None
    live = open_home(base, "live")
    replay = open_home(base, "replay", files, "original")
    assert live.path == base / "live"
    assert find_current_home(base) == replay
    assert open_home(base, "live") == live == find_current_home(base)
    assert read_home(replay.path) == replay


def test_a_home_may_be_named_directly_and_refuses_another_source(tmp_path: Path, files: list[Path]) -> None:
    replay = open_home(tmp_path / "base", "replay", files, "original")
    assert open_home(replay.path, "replay", files, "original") == replay
    assert find_current_home(replay.path) == replay
    with pytest.raises(HomeError, match=r"holds replay of .*must not mix"):
        open_home(replay.path, "live")
    with pytest.raises(HomeError, match="must not mix"):
        open_home(replay.path, "replay", files[:1], "original")
    with pytest.raises(HomeError, match="must not mix"):
        open_home(replay.path, "replay", files, "now")
    assert not (replay.path / "live").exists()


def test_what_cannot_be_read_or_written_says_so(tmp_path: Path) -> None:
    home = open_home(tmp_path, "live")
    (home.path / "home.json").write_text("{")
    with pytest.raises(HomeError, match="--home"):
        open_home(tmp_path, "live")
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match="can't be"):
        open_home(tmp_path / "file" / "x", "live")


@pytest.mark.parametrize("name", ["../elsewhere", "", "gone", "/etc"])
def test_a_damaged_current_is_no_home(tmp_path: Path, name: str) -> None:
    open_home(tmp_path / "elsewhere", "live")
    base = tmp_path / "base"
    base.mkdir()
    (base / "current").write_text(name)
    assert find_current_home(base) is None


paths = st.lists(st.sampled_from([Path(f"/data/{letter}") for letter in "abcdef"]), min_size=1, max_size=4)


@given(paths, paths, st.sampled_from(["original", "now"]), st.sampled_from(["original", "now"]))
def test_replays_share_a_home_only_with_the_same_files_and_times(
    one: list[Path], other: list[Path], times: str, other_times: str
) -> None:
    same = choose_home_name("replay", one, times) == choose_home_name("replay", other, other_times)
    assert same == ((one, times) == (other, other_times))
    assert Home(Path(choose_home_name("replay", one, times)), "replay").path.name.startswith("replay-")
