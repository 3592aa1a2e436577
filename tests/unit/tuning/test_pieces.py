"""Parts of a training that need no torch: what is refused, what is read, what is measured."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from penstock.errors import ConfigError, DiskFullError, ModelError, RefusedError
from penstock.ids import hash_of
from penstock.purposes import Purpose
from penstock.training.examples import GeneratorExample
from penstock.training.splits import Split
from penstock.tuning import checkpoints, early, estimates, ranking, running, writing
from penstock.tuning.estimates import Estimate, Work
from penstock.tuning_settings import EmbedderRecipe, GeneratorRecipe
from support import tuning
from support.tuning import made_set


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_refused(loss: float) -> None:
    with pytest.raises(ModelError) as raised:
        early.check_loss(loss, 7)
    assert str(raised.value) == (
        f"the loss is {loss} at step 7: the training is broken, and nothing of it is kept; lower learning_rate in the "
        "recipe, or look for texts that are broken"
    )
    early.check_loss(0.5, 7)
    early.check_loss(None, 7)


def test_a_training_that_takes_more_memory_than_its_recipe_allows_ends() -> None:
    with pytest.raises(ModelError) as raised:
        early.check_memory(1000, 1001)
    assert str(raised.value) == (
        "the training took 1,001 MB, and its recipe allows 1,000; lower batch or max_length, or raise max_memory_mb"
    )
    early.check_memory(1000, 1000)
    early.check_memory(None, 10**9)


def test_what_would_not_fit_is_refused_before(tmp_path: Path) -> None:
    recipe = EmbedderRecipe(max_memory_mb=1000, max_minutes=10)
    estimates.check(Estimate(1000, 10.0, 1, 5), recipe, tmp_path)
    with pytest.raises(ModelError) as raised:
        estimates.check(Estimate(1001, 1.0, 1, 5), recipe, tmp_path)
    assert str(raised.value) == (
        "the training would take about 1,001 MB, and 1,000 are allowed or free; lower batch (48) or max_length (128) "
        "in the recipe, or raise max_memory_mb"
    )
    with pytest.raises(ModelError) as raised:
        estimates.check(Estimate(1, 10.5, 1, 5), recipe, tmp_path)
    assert str(raised.value) == (
        "the training would take about 10.5 min, and its recipe allows 10 min; lower epochs (2) or batch, or raise "
        "max_minutes"
    )
    with pytest.raises(DiskFullError) as full:
        estimates.check(Estimate(1, 1.0, 10**12, 5), recipe, tmp_path)
    assert str(full.value) == (
        f"the training's folder {tmp_path} could not be written: its disk is full; make room, then run it again"
    )


def test_what_a_generator_writes_and_prefers_is_part_of_the_estimate() -> None:
    sizes = {"hidden_size": 896, "num_hidden_layers": 24, "intermediate_size": 4864}
    recipe = GeneratorRecipe(epochs=1)

    def of(work: Work) -> Estimate:
        return estimates.estimate(sizes, 2_000_000_000, recipe, work, 150e9)

    answers = of(Work(rows=80, tokens=1000, words=150_000))
    pairs = of(Work(rows=80, tokens=1000, words=150_000, pairs=40))
    written = of(Work(rows=80, tokens=1000, words=150_000, written=6000))
    assert (answers.steps, pairs.steps, written.steps) == (10, 15, 10)
    # Half the rows, of two answers each, pass three times for every two: half as much again.
    assert pairs.minutes == pytest.approx(answers.minutes * 2.5, abs=0.02)
    assert pairs.memory_mb > answers.memory_mb == written.memory_mb
    assert written.minutes == pytest.approx(answers.minutes + 6000 * (24 * 0.002 + 0.2) / 60, abs=0.02)


def test_a_set_from_which_nothing_can_be_learned_is_refused() -> None:
    examples = tuning.embedder_examples()
    with pytest.raises(RefusedError) as raised:
        running.check_set(made_set(examples), Purpose.EMBEDDER, 500)
    assert str(raised.value) == (
        "training set 0123 holds 128 examples, and 500 are asked for; collect more feedback, or lower "
        "indexes.main.training.min_examples"
    )
    one_group = [one for one in examples if one.split is not Split.TRAIN] + examples[:1]
    with pytest.raises(RefusedError) as raised:
        running.check_set(made_set(one_group), Purpose.EMBEDDER, 20)
    assert str(raised.value) == (
        "training set 0123 has 1 group to train on: all of it says nearly the same, or rests on one document; collect "
        "feedback on others"
    )
    with pytest.raises(RefusedError) as raised:
        running.check_set(made_set([one for one in examples if one.split is Split.TRAIN]), Purpose.EMBEDDER, 20)
    assert str(raised.value) == (
        "training set 0123 has no validation example, so nobody could see when to stop; collect more feedback"
    )


def test_pairs_of_a_guard_are_read_and_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "guard.jsonl"
    path.write_text('{"question": "who", "passage": "the miller"}\n{"passage": "an eel"}\n')
    assert ranking.read_pairs(path, "recipes.guard") == ([("who", "the miller")], ["an eel"])
    path.write_text('{"question": "who", "passage": "the miller"}\n{"question": "who"}\n')
    with pytest.raises(ConfigError) as raised:
        ranking.read_pairs(path, "recipes.guard")
    assert str(raised.value) == f'recipes.guard: {path}, line 2 is no {{"question": …, "passage": …}}'


def test_pairs_are_read_whatever_their_texts_and_their_file_look_like(tmp_path: Path) -> None:
    """A line separator within a passage of the web ended its line, and the line was then called none."""
    path = tmp_path / "guard.jsonl"
    path.write_bytes(
        '\ufeff{"question": "who", "passage": "the\u2028miller"}\r\n\r\n{"passage": "an eel"}\r\n'.encode()
    )
    assert ranking.read_pairs(path, "recipes.guard") == ([("who", "the\u2028miller")], ["an eel"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"question": "who", "passage": ["the miller"]}', ' is no {"question": …, "passage": …}'),
        ('{"question": 7, "passage": "the miller"}', ' is no {"question": …, "passage": …}'),
        ("[]", ' is no {"question": …, "passage": …}'),
        ("[" * 100_000, ": this is nested too deeply; write one flat JSON object"),
        (
            r'{"question": "\ud800", "passage": "a"}',
            ": it holds half of a character (a lone surrogate); write the whole one",
        ),
    ],
    ids=["a list", "a number", "no object", "nested", "half of a character"],
)
def test_a_line_that_no_training_could_read_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "replay.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(ConfigError) as raised:
        ranking.read_pairs(path, "recipes.replay")
    assert str(raised.value) == f"recipes.replay: {path}, line 1{said}"


def test_a_pool_holds_each_text_once() -> None:
    found = ranking.of_pairs([("who", "a"), ("who", "b"), ("what", "a")], ["c", "a"])
    assert (found.questions, found.passages) == (("who", "what"), ("c", "a", "b"))
    assert found.relevant == {0: {1, 2}, 1: {1}}


def test_a_checkpoint_that_was_cut_short_is_not_gone_on_from(tmp_path: Path) -> None:
    for step, state in ((3, '{"global_step": 3}'), (12, '{"global_step": 12}'), (15, '{"global_')):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    assert checkpoints.last(tmp_path) == str(tmp_path / "checkpoint-12")
    assert not (tmp_path / "checkpoint-15").exists()


def chat(refusal: bool = False) -> GeneratorExample:
    return GeneratorExample(
        **tuning.common("who", "group", Split.VALIDATION),
        messages=({"role": "user", "content": "passage 1\nThe  miller grinds."},),
        answer="",
        rejected=None,
        refusal=refusal,
    )


@pytest.mark.parametrize(
    ("text", "refusal", "found"),
    [
        ('{"claim": "He does.", "quotes": [{"passage": 1, "quote": "The miller"}]}', False, (True, True, True)),
        ('{"claim": "He does.", "quotes": [{"passage": 1, "quote": "the baker"}]}', False, (True, False, True)),
        ('{"claim": "He does.", "quotes": []}', False, (True, False, True)),
        ('{"claim": null}', True, (True, True, True)),
        ('I cannot say.\n{"claim": null}', True, (True, True, True)),
        ('{"claim": null}', False, (True, False, False)),
        ("The miller grinds.", False, (False, False, True)),
        ('{"claim": "He does.", "quo', False, (False, False, True)),
    ],
)
def test_what_an_answer_keeps_to(text: str, refusal: bool, found: tuple[bool, bool, bool]) -> None:
    assert tuple(writing.read(text, chat(refusal)).values()) == found


def test_an_id_draws_what_a_weight_allows() -> None:
    from penstock.tuning.generator import counts

    ids = [hash_of(str(n))[:32] for n in range(1000)]
    drawn = sum(int(one[:8], 16) / 16**8 < 0.3 for one in ids)
    assert 250 < drawn < 350
    assert counts(chat())


@pytest.mark.parametrize("words", ["No space left on device", "File too large"])
def test_a_full_disk_is_called_one(tmp_path: Path, words: str) -> None:
    with pytest.raises(DiskFullError) as raised, checkpoints.room(tmp_path):
        raise OSError(words)
    assert str(raised.value) == (
        f"the training's folder {tmp_path} could not be written: its disk is full; make room, then run it again"
    )
    with pytest.raises(RuntimeError, match=r"^another trouble$"), checkpoints.room(tmp_path):
        raise RuntimeError("another trouble")
