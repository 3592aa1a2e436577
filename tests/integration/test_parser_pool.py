"""Invariant 7: a bad document hurts only itself. The children here are fakes that misbehave on purpose."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from penstock.errors import ModelError, StoreError
from penstock.parsing import ParseJob, ParserPool
from penstock.parsing.worker import FOLDERS
from penstock.records import Parsed, Reason, Refusal
from penstock.settings import ParserSettings
from support import fake_child
from support.fake_child import GARBAGE

KILLED = "parsing needed more than 2048 MB (the parser process was killed, as the kernel does)"
FAKE = (sys.executable, "-P", fake_child.__file__)


def fake_pool(command=FAKE, **limits):
    return ParserPool(ParserSettings(**{"workers": 1, "timeout_s": 20, **limits}), command)


def outcomes(pool, *names):
    jobs = [ParseJob(str(i), name, b"data") for i, name in enumerate(names)]
    return [outcome for _, outcome in sorted(pool.parse_many(jobs), key=lambda pair: int(pair[0].id))]


def pid_in(outcome):
    assert isinstance(outcome, Parsed)
    return int(outcome.text.split()[0])


NONSENSE = "the parser process answered nonsense"


@pytest.mark.parametrize(
    ("name", "reason", "detail"),
    [
        ("kill", Reason.OUT_OF_MEMORY, KILLED),
        ("crash", Reason.PARSER_ERROR, "the parser process died of SIGSEGV"),
        ("exit", Reason.PARSER_ERROR, "the parser process died of exit code 7"),
        ("flood", Reason.TOO_LARGE, "the parse is larger than 1 MB"),
        ("noise", Reason.PARSER_ERROR, NONSENSE),
        ("real-time signal", Reason.PARSER_ERROR, f"the parser process died of signal {signal.SIGRTMIN + 3}"),
        ("dies and leaves one behind", Reason.PARSER_ERROR, "the parser process died of exit code 7"),
        *((name, Reason.PARSER_ERROR, NONSENSE) for name in GARBAGE),
    ],
)  # fmt: skip
def test_a_child_that_dies_costs_its_document_only(name, reason, detail):
    with fake_pool(max_output_mb=1) as pool:
        before, bad, after = outcomes(pool, "fine", name, "fine")
    assert (bad.reason, bad.detail) == (reason, detail)
    assert pid_in(before) != pid_in(after)


@pytest.mark.parametrize("name", ["shared", "leaves one behind that eats"])
def test_memory_is_counted_from_outside_over_all_that_a_child_started(name, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with fake_pool(memory_mb=256) as pool:
        before, bad, after = outcomes(pool, "fine", name, "fine")
        assert left_behind(tmp_path, pool) == []
    assert bad == Refusal(
        Reason.OUT_OF_MEMORY,
        "parsing needed more than 256 MB (counted with all that the parser process started)",
        "split the document, or raise parser.memory_mb",
    )
    assert pid_in(before) != pid_in(after)


@pytest.mark.parametrize("name", ["forks in passing", "starts slowly"])
def test_memory_that_two_processes_share_is_counted_once(name):
    with fake_pool(memory_mb=256) as pool:
        [outcome] = outcomes(pool, name)
    assert isinstance(outcome, Parsed), outcome


@pytest.mark.parametrize("name", ["leaves one behind", "dies and leaves one behind"])
def test_what_a_child_left_behind_ends_with_it(name, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with fake_pool() as pool:
        outcomes(pool, name)
        assert left_behind(tmp_path, pool) == []


def test_an_answer_is_taken_for_its_own_document_only():
    with fake_pool() as pool:
        twin, after, last = outcomes(pool, "answers twice", "fine", "fine")
    assert twin.text == "twin"
    assert pid_in(after) == pid_in(last)


def test_what_a_killed_process_left_running_is_ended_by_the_next_pool(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = tmp_path / f"{FOLDERS}{dead.pid}-a"
    folder.mkdir()
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={"HOME": str(folder)})
    while str(folder).encode() not in Path(f"/proc/{left.pid}/environ").read_bytes():  # it has not begun
        time.sleep(0.01)
    with fake_pool() as pool:
        pool.warm()
        assert left.wait(timeout=10) == -signal.SIGKILL


def left_behind(folder, pool):
    """Processes that were started with a folder of their own in ``folder`` and are none of the pool's."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in (process / "environ").read_bytes() and int(process.name) not in pool.pids():
                found.append(process.name)
    return found


def test_a_document_that_takes_too_long_is_given_up():
    with fake_pool(timeout_s=0.5) as pool:
        slow, after = outcomes(pool, "sleep", "fine")
    assert slow == Refusal(
        Reason.TIMEOUT, "parsing took longer than 0.5 s", "split the document, or raise parser.timeout_s"
    )
    assert isinstance(after, Parsed)


def test_a_child_serves_many_documents_until_it_asks_to_retire():
    with fake_pool() as pool:
        pids = [pid_in(outcome) for outcome in outcomes(pool, "fine", "fine", "retire", "fine")]
    assert pids[0] == pids[1] == pids[2] != pids[3]


def test_a_child_that_died_idle_is_replaced_and_the_document_not_blamed():
    with fake_pool() as pool:
        [first] = outcomes(pool, "fine")
        os.kill(pid_in(first), signal.SIGKILL)
        time.sleep(0.1)
        [second] = outcomes(pool, "fine")
    assert pid_in(first) != pid_in(second)


def test_documents_are_pulled_a_few_at_a_time():
    pulled = []

    def jobs():
        for number in range(100):
            pulled.append(number)
            yield ParseJob(str(number), "fine", b"")

    with fake_pool(workers=2) as pool:
        for done, _ in enumerate(pool.parse_many(jobs()), 1):
            assert len(pulled) <= done + 6
    assert len(pulled) == 100


def test_a_second_child_starts_only_when_the_first_keeps_its_callers_waiting(monkeypatch):
    monkeypatch.setattr("penstock.parsing.pool.GROW_AFTER_S", 0.2)
    with fake_pool(workers=2) as pool:
        first, _ = next(pool.parse_many([ParseJob("0", "sleep", b""), ParseJob("1", "fine", b"")]))
        assert first.name == "fine"
    monkeypatch.setattr("penstock.parsing.pool.GROW_AFTER_S", 600)
    with fake_pool(workers=2) as pool:
        assert len({pid_in(outcome) for outcome in outcomes(pool, *["fine"] * 50)}) == 1


def test_leaving_a_parse_early_leaves_the_pool_usable():
    with fake_pool() as pool:
        for _ in pool.parse_many(ParseJob(str(i), "fine", b"") for i in range(10)):
            break
        assert len(outcomes(pool, "fine", "fine")) == 2


def test_closing_ends_the_children_and_removes_their_folders(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pool = fake_pool(workers=2)
    with pool:
        pids = {pid_in(outcome) for outcome in outcomes(pool, *["fine"] * 8)}
        assert pids <= set(pool.pids())
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RuntimeError, match="this ParserPool is closed; make another"):
        outcomes(pool, "fine")


def test_a_pool_removes_what_a_killed_process_left(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, used, foreign = (tmp_path / name for name in (f"{FOLDERS}{dead.pid}-a", f"{FOLDERS}{os.getpid()}-b", "other"))
    for folder in (left, used, foreign):
        folder.mkdir()
    with fake_pool() as pool:
        pool.warm()
        assert not left.exists()
        assert used.exists()
        assert foreign.exists()


def test_closing_does_not_wait_for_a_slow_document():
    began = time.monotonic()
    with fake_pool() as pool:
        for _ in pool.parse_many(ParseJob(name, name, b"") for name in ("fine", "sleep", "sleep")):
            break
    assert time.monotonic() - began < 50, "as long as it sleeps"


def test_a_document_larger_than_the_memory_limit_is_not_even_sent():
    with fake_pool(memory_mb=256) as pool:
        [(_, outcome)] = pool.parse_many([ParseJob("big", "fine", bytes(100 * 2**20))])
        assert pool.pids() == []
    assert outcome == Refusal(
        Reason.OUT_OF_MEMORY,
        "parsing needed more than 256 MB (the document alone)",
        "split the document, or raise parser.memory_mb",
    )


def test_a_missing_model_stops_the_caller():
    with fake_pool(sentence_model="en_core_web_sm") as pool, pytest.raises(ModelError, match="install the model"):
        outcomes(pool, "fine")


def test_a_child_that_cannot_start_says_why():
    command = (sys.executable, "-c", "raise SystemExit('no such luck')")
    with fake_pool(command) as pool, pytest.raises(StoreError) as caught:
        outcomes(pool, "fine")
    assert str(caught.value) == "a parser child could not be started: no such luck"


def test_no_file_is_left_to_be_closed_by_chance():
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        with fake_pool() as pool:
            outcomes(pool, "fine", "exit", "fine")
    assert [str(one.message) for one in warned] == []


def test_two_callers_share_a_pool():
    with fake_pool(workers=2) as pool:
        counts = []
        callers = [
            threading.Thread(target=lambda: counts.append(len(outcomes(pool, *["fine"] * 20)))) for _ in range(2)
        ]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert counts == [20, 20]
