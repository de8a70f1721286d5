"""The benchmark commands, on sizes that take a second."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.arguments import spread
from benchmarks.attempt import Attempt
from benchmarks.commands import main
from benchmarks.families import Score, group, mean
from benchmarks.formats import read_fctp
from benchmarks.gates import Gates
from benchmarks.ladder import ENGINES, time_limit_s
from benchmarks.measure import watch
from benchmarks.phases import STEPS
from benchmarks.results import contradictions, latest, page, write_report
from benchmarks.targets import TargetResult, of_ladder
from matcher.errors import InputError
from matcher.judge import check
from matcher.solve import solve


def _code(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = _code(*words)
    out, err = capsys.readouterr()
    return code, out, err


def _told(err: str) -> str:
    """What stands on standard error, without the frame and the line breaks of Typer."""
    return " ".join(err.replace("│", " ").split())


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
    assert [run["seed"] for run in runs] == [0, 1]
    assert runs[0]["best"] == pytest.approx(13)
    assert runs[0]["solution_status"] == "optimal"
    assert runs[0]["judged_ok"]
    assert runs[0]["sound"]


def test_families_as_a_table(capsys: pytest.CaptureFixture[str], family: Path) -> None:
    code, out, err = _run(capsys, "families", str(family), "--only", "holmberg/one")
    assert code == 0
    assert "to best known" in out
    assert "by group" in out
    assert "100.0%" in out
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
    code, _, err = _run(capsys, "families", str(family), "--only", "holmberg/two")
    assert code == 2
    assert "no instance with 'holmberg/two'" in err
    code, _, err = _run(capsys, "families", str(family), "--engine", "hihgs")
    assert code == 2
    assert "unknown engine 'hihgs'" in err
    code, _, err = _run(capsys, "gates", "--pairs", "10")
    assert code == 2
    assert "'--pairs': '10' is not a whole number from 1,000 to 5,000,000" in _told(err)
    code, _, err = _run(capsys, "families", str(family), "--time-limit", "nan")
    assert code == 2
    assert "'--time-limit': 'nan' is not a number from 0.1 to 86,400" in _told(err)
    code, _, err = _run(capsys, "families", str(family), "--json", str(family / "one" / "file"))
    assert code == 2
    assert "cannot be written" in err


def _transportation(folder: Path, **changes: object) -> Path:
    """Two suppliers of 6 and 4, two demands of 5 and 5."""
    content = {
        "supply": [6, 4],
        "demand": [5, 5],
        "var_costs": [[1, 2], [3, 1]],
        "fix_costs": [[10, 20], [10, 10]],
    } | changes
    path = folder / "instance.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("changes", "cost"),
    [
        # All supply is needed: 4 from supplier 2, t of them to demand 1. With t = 0 that costs
        # 4·1 + 10 there, 5·1 + 10 and 1·2 + 20 from supplier 1, in all 51; with t = 4 it is
        # 4·3 + 10, 1·1 + 10 and 5·2 + 20, in all 63; in between (3t + 10) + (4 − t + 10) +
        # (5 − t + 10) + (2(1 + t) + 20) = 61 + 3t.
        ({}, 51.0),
        # At most 3 to demand 2 and 1 to demand 1 leave t = 1 alone.
        ({"edge_capacities": [[9, 9], [1, 3]]}, 64.0),
        # Nothing may go from supplier 2 to demand 2, which leaves t = 4.
        ({"edge_capacities": [[9, 9], [9, 0]]}, 63.0),
        # Units cost 11 + 3t in all. With vehicles of 3 units, t = 2 needs one on each arc: 17 + 50.
        # Less t needs two from supplier 1 to demand 1, and t = 0 besides two to demand 2, but none
        # to demand 1, from supplier 2: 11 + 20 + 20 + 20 = 71. More t needs two for 20 each.
        ({"vehicle_capacities": [[3, 3], [3, 3]]}, 67.0),
    ],
)
def test_fixed_charge_transportation(
    tmp_path: Path, changes: dict[str, object], cost: float
) -> None:
    network = read_fctp(_transportation(tmp_path, **changes))
    plan = solve(network, gap_limit=0.0, threads=1)
    assert check(network, plan).ok
    assert plan.unmet is not None
    assert plan.unmet.is_empty()
    assert plan.result is not None
    assert plan.result.solution_status == "optimal"
    assert plan.result.best == pytest.approx(cost)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"vehicle_capacities": [[1, 1], [1, 0]]}, "a vehicle of 0 units"),
        ({"vehicle_capacities": [[1, 1]]}, "vehicle_capacities of shape"),
        ({"supply": "many"}, "no array of numbers 'supply'"),
        ({"var_costs": [[1, 2]]}, "shape"),
        ({"fix_costs": [[1, 2], [-1, 2]]}, "not numbers from 0"),
        ({"demand": [5, 0]}, "demand of 0"),
    ],
)
def test_a_bad_transportation_file_is_told(
    tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        read_fctp(_transportation(tmp_path, **changes))


def test_groups_and_means_of_scores(capsys: pytest.CaptureFixture[str], family: Path) -> None:
    _, out, _ = _run(capsys, "families", str(family), "--json")
    score = Score.from_dict(json.loads(out)[0])
    assert group(score) == "sscflp_holmberg"
    assert group(replace(score, family="gap", instance="chu1997/d05100")) == "gap D"
    assert group(replace(score, family="gap", instance="cattrysse1994/gap1-4")) == "gap"
    assert group(replace(score, family="fctp_rto", instance="c-fctp_x/4")) == "c-fctp_rto 1 × 1"
    assert group(replace(score, family="fctp_rto", instance="fs-fctp_x/4")) == "fs-fctp_rto 1 × 1"

    worse = replace(score, gap_to_best_known=0.03, solution_status="feasible")
    wrong = replace(score, gap_to_best_known=0.0, judged_ok=False)
    none = replace(score, best=None, gap_to_best_known=None, solution_status="none")
    found = mean("all", [score, worse, wrong, none])
    assert (found.num_instances, found.num_runs, found.num_plans) == (1, 4, 2)
    assert found.gap_to_best_known == pytest.approx(0.015)
    assert found.worst == pytest.approx(0.03)
    assert found.proven == 0.25
    assert not found.ok


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a ladder with one low rung and every engine, and of the phases of it."""
    path = tmp_path_factory.mktemp("ladder") / "results.jsonl"
    rung = ("--sizes", "300", "--kinds", "connected", "--threads", "1", "--json", str(path))
    assert _code("ladder", *rung, "--seeds", "1", "--time-limit", "1.5") == 0
    assert _code("phases", *rung) == 0
    return path


def _records(path: Path, benchmark: str) -> list[dict[str, Any]]:
    lines = map(json.loads, path.read_text().splitlines())
    return [each for each in lines if each["benchmark"] == benchmark]


def test_every_plan_of_the_ladder_is_judged(climbed: Path) -> None:
    attempts = [Attempt.from_dict(each) for each in _records(climbed, "ladder")]
    assert [each.engine for each in attempts] == list(ENGINES)
    assert any(each.proven_gap is not None for each in attempts)
    for each in attempts:
        assert not each.failed
        assert each.judged == "ok"
        assert each.best is not None
        assert each.solve_s is not None
        assert each.solve_s < 1.5 + 15  # late by 2 s at most, on a machine that is shared
        assert each.peak_bytes is not None
        assert each.peak_bytes > 2**26
        if each.bound is not None and each.coverage_proven:
            assert each.bound <= each.best
        seconds = [point[0] for point in each.trajectory]
        assert seconds == sorted(seconds)
        if each.trajectory:
            assert each.trajectory[-1][1:3] == (each.best, each.bound)
    assert not contradictions(attempts)


def test_phases_tell_time_and_memory_of_each_step(climbed: Path) -> None:
    (measured,) = _records(climbed, "phases")
    assert set(measured["seconds"]) == set(measured["peak_bytes"]) == set(STEPS)
    assert all(value > 0 for value in measured["seconds"].values())
    assert measured["candidates"] <= measured["pairs"]
    assert measured["program_bytes"] > 8 * measured["nonzeros"]


def test_report_has_every_engine_and_keeps_the_notes(climbed: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("By hand.\n")
    for _ in range(2):
        text = write_report([climbed], tmp_path).read_text(encoding="utf-8")
    assert all(f"`{engine}`" in text for engine in ENGINES)
    assert text.endswith("## Notes\n\nBy hand.\n")
    for file in ("gap_over_time", "gap_over_size", "time_over_size"):
        assert f"](images/{file}.png)" in text
        assert (tmp_path / "images" / f"{file}.png").read_bytes().startswith(b"\x89PNG")


def test_report_may_lack_a_kind_at_a_size(climbed: Path, tmp_path: Path) -> None:
    elsewhere = [each | {"size": 600, "kind": "separable"} for each in _records(climbed, "ladder")]
    (tmp_path / "more.jsonl").write_text("\n".join(map(json.dumps, elsewhere)))
    text = write_report([climbed, tmp_path / "more.jsonl"], tmp_path).read_text(encoding="utf-8")
    assert "### Connected networks" in text
    assert "### Separable networks" in text


def test_report_of_other_files_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "other.json"
    path.write_text('[{"benchmark": "ladder"}]')
    code, _, err = _run(capsys, "report", str(path), "--output", str(tmp_path))
    assert code == 2
    assert "holds a line that is no result" in err
    assert not (tmp_path / "RESULTS.md").exists()


def test_page_without_results_says_so() -> None:
    assert "There are no results yet." in page([])


def _attempt(**changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "size": 20_000,
        "kind": "connected",
        "seed": 0,
        "engine": "decomposition",
        "threads": 2,
        "time_limit_s": 60.0,
        "gap_limit": 1e-4,
        "best": 100.0,
        "bound": 99.5,
        "gap": 0.005,
        "unmet": 0.0,
        "coverage_proven": True,
        "judged": "ok",
        "peak_bytes": 2**29,
    }
    return Attempt(**(values | changes))


def test_targets_take_the_median_and_count_nothing_as_the_worst() -> None:
    def result(*attempts: Attempt) -> TargetResult:
        return of_ladder(attempts)[0]

    good, bad = _attempt(seed=1), _attempt(seed=2, gap=0.02)
    wrong = _attempt(seed=3, gap=0.0, judged="capacity")
    open_ = _attempt(seed=4, gap=0.0, coverage_proven=False)
    # Asked are 0.6 % at 20,000 candidates.
    assert result(good, good, bad).is_met
    assert result(good, good, bad).reached == 0.005
    assert not result(good, bad, wrong).is_met
    assert result(good, bad, wrong).reached == 0.02
    assert result(good, wrong, open_).reached is None
    assert not result(good, wrong, open_).is_met
    # Another time limit is another question.
    assert of_ladder([_attempt(time_limit_s=5.0)]) == []
    assert [time_limit_s(size) for size in (4_000, 20_000, 100_000, 1_000_000)] == [
        60.0,
        60.0,
        120.0,
        300.0,
    ]


def test_a_bound_above_the_plan_of_another_is_found() -> None:
    lying = _attempt(engine="highs", best=104.0, bound=101.0)
    assert contradictions([_attempt(), replace(lying, seed=1)]) == []
    (line,) = contradictions([_attempt(), lying])
    assert "101.00 of highs" in line
    assert "100.00 by decomposition" in line


def test_a_repeated_run_replaces_the_first() -> None:
    first = {"benchmark": "ladder", **_attempt().to_dict()}
    again = {**first, "best": 99.0}
    other = {**first, "seed": 7}
    assert latest([first, other, again]) == [again, other]


@pytest.mark.parametrize(
    ("work", "ending"),
    [
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "died with signal SIGKILL"),
        ("raise SystemExit('no more')", "died with exit code 1: no more"),
        ("import time\ntime.sleep(60)", "given up after 1 s in the stage 'work'"),
        ("x = bytearray(2**28)\nimport time\ntime.sleep(60)", "GiB of memory"),
    ],
)
def test_a_process_that_ends_badly_is_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: str, ending: str
) -> None:
    (tmp_path / "badly_ending.py").write_text(
        f"from benchmarks.measure import speaker\n"
        f"say = speaker()\nsay(stage='work')\nsay(half=1)\n{work}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = watch(
        "badly_ending",
        threads=1,
        allowed_s={"work": 1.0 if "memory" not in ending else 30.0},
        memory_bytes=2**27 if "memory" in ending else None,
    )
    assert ending in done.failed
    assert done.messages == ({"half": 1},)
    assert "work" in done.peak_bytes


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ("ladder --seeds 0,1", "ladder --seeds=0 --seeds=1"),
        ("ladder --seeds 0 1", "ladder --seeds=0 --seeds=1"),
        ("ladder --seeds 0, 1 ,2", "ladder --seeds=0 --seeds=1 --seeds=2"),
        ("ladder --seeds=0,1 2 --gap 0", "ladder --seeds=0 --seeds=1 --seeds=2 --gap 0"),
        ("ladder --kinds separable --sizes 400", "ladder --kinds=separable --sizes=400"),
        ("ladder --engines --gap 0", "ladder --engines"),
        ("ladder --json --gap 0", "ladder --json=- --gap 0"),
        ("phases --threads 1 --json", "phases --threads 1 --json=-"),
        ("families FOLDER --json - --seeds 1", "families FOLDER --json - --seeds=1"),
        ("families FOLDER --json FILE", "families FOLDER --json FILE"),
        ("gates --json --seeds 1", "gates --json --seeds=1"),
        ("report ONE TWO --output FOLDER", "report ONE TWO --output FOLDER"),
        ("", ""),
    ],
)
def test_lists_may_be_divided_by_commas_or_blanks(words: str, read: str) -> None:
    assert spread(words.split()) == read.split()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("ladder --sizes 400,99", "'--sizes': '99' is not a whole number from 100 to 5,000,000"),
        ("ladder --sizes 400 many", "'--sizes': 'many' is not a whole number"),
        ("phases --seeds -1", "'--seeds': '-1' is not a whole number"),
        ("phases --seeds", "Option '--seeds' requires an argument"),
        ("ladder --kinds connected,loose", "'loose' is not one of 'connected', 'separable'"),
        ("gates --json FILE", "unexpected extra argument"),
        ("gate", "No such command 'gate'. Did you mean 'gates'?"),
        ("report", "Missing argument"),
    ],
)
def test_a_wrong_call_is_told_before_anything_is_measured(
    capsys: pytest.CaptureFixture[str], words: str, problem: str
) -> None:
    code, out, err = _run(capsys, *words.split())
    assert code == 2
    assert problem in _told(err)
    assert not out


def test_a_stopped_run_says_what_is_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(**_: object) -> Gates:
        raise KeyboardInterrupt

    monkeypatch.setattr("benchmarks.commands.measure_gates", stopped)
    code, _, err = _run(capsys, "gates")
    assert code == 130
    assert "what --json FILE holds is kept" in err


def test_an_unknown_engine_is_told_before_anything_is_measured(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, _, err = _run(capsys, "ladder", "--sizes", "300", "--engines", "hihgs,highs")
    assert code == 2
    assert "unknown engine 'hihgs'" in err
