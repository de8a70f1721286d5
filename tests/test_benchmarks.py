"""The benchmark commands, on sizes that take a second."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.gates import Gates


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_gates_measures_in_a_process_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _run(capsys, "gates", "--pairs", "2000", "--seeds", "1", "2", "--json")
    runs = json.loads(out)
    assert [run["seed"] for run in runs] == [1, 2]
    for run in runs:
        assert run["pairs"] == pytest.approx(2_000, rel=0.2)
        assert 0 < run["candidates"] <= run["pairs"]
        assert run["gates_s"] > 0
        assert 0 < run["loaded_bytes"] <= run["peak_bytes"]


def test_gates_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _run(capsys, "gates", "--pairs", "1000")
    assert "gates and cost, s" in out


@pytest.mark.parametrize(
    ("seconds", "mebibytes", "is_reached"),
    [(1.9, 1023, True), (2.1, 1023, False), (1.9, 1025, False)],
)
def test_the_target_is_two_seconds_and_a_gibibyte_a_million(
    seconds: float, mebibytes: int, is_reached: bool
) -> None:
    run = Gates(
        seed=0,
        pairs=1_000_000,
        bids=1,
        candidates=1,
        arrays_s=9.0,
        pairs_s=0.5,
        gates_s=seconds - 0.5,
        loaded_bytes=1,
        peak_bytes=mebibytes * 2**20,
        is_pinned=True,
    )
    assert run.is_reached == is_reached


@pytest.fixture
def family(tmp_path: Path) -> Path:
    folder = tmp_path / "sscflp_holmberg"
    folder.mkdir()
    # Fixed cost 5 and 8 for serving the only demand.
    (folder / "one").write_text("1 1\n10\n5\n8\n8\n")
    (folder / "best.csv").write_text(
        "instance,file,m_suppliers,n_demands,lower_bound,best_known,proven_optimal,source\n"
        "one,one,1,1,13,13,1,by hand\n"
    )
    return folder


def test_families_as_json(capsys: pytest.CaptureFixture[str], family: Path) -> None:
    code, out, _ = _run(
        capsys,
        "families",
        str(family),
        "--json",
        "--time-limit",
        "20",
        "--threads",
        "1",
        "--seeds",
        "0",
        "1",
    )
    runs = json.loads(out)
    assert code == 0
    assert len(runs) == 2
    assert runs[0]["best"] == pytest.approx(13)
    assert runs[0]["found"] == "optimal"
    assert runs[0]["judged_ok"]
    assert runs[0]["sound"]


def test_families_as_a_table(capsys: pytest.CaptureFixture[str], family: Path) -> None:
    code, out, err = _run(capsys, "families", str(family))
    assert code == 0
    assert "to best known" in out
    assert "sscflp_holmberg one: 0.0000%" in err


def test_an_impossible_value_fails_the_run(
    capsys: pytest.CaptureFixture[str], family: Path
) -> None:
    best = family / "best.csv"
    best.write_text(best.read_text().replace("13,13", "14,14"))
    code, out, _ = _run(capsys, "families", str(family))
    assert code == 1
    assert "IMPOSSIBLE" in out


def test_wrong_input_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str], family: Path
) -> None:
    code, _, err = _run(capsys, "families", str(family / "elsewhere"))
    assert code == 2
    assert "no best.csv of a known family" in err
    code, _, err = _run(capsys, "families", str(family), "--engine", "hihgs")
    assert code == 2
    assert "unknown engine 'hihgs'" in err
    with pytest.raises(SystemExit, match="2"):
        main(["gates", "--pairs", "10"])
    assert "'10' is not a whole number from 1,000" in capsys.readouterr().err
