from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from vispro_gym.datasets import DATASETS, open_dataset
from vispro_gym.datasets.boxes import Boxes
from vispro_gym.datasets.options import Choice
from vispro_gym.engine import Engine, Job, Outcome
from vispro_gym.inspection import policies as module
from vispro_gym.inspection.audit import Audit, Result, audit, judge
from vispro_gym.inspection.opening import InspectionError, open_env
from vispro_gym.inspection.policies import Group, best_constants, right_answers
from vispro_gym.perception import make_perception
from vispro_gym.programs.experts import UntranslatableError
from vispro_gym.registration import ENVIRONMENTS
from vispro_gym.tasks.base import Score
from vispro_gym.tasks.vqa import CLEVRTask, VisualQuestionAnswering

FORMS = [(row, form) for row in ENVIRONMENTS for form in DATASETS[row.dataset].forms]


def rewards(found: Audit, group: str) -> dict[str, float]:
    return {result.policy: result.reward for result in found.results if result.group == group}


@pytest.mark.parametrize(("row", "form"), FORMS, ids=lambda value: getattr(value, "dataset", value))
def test_every_environment_is_sound(row: Any, form: str) -> None:
    env = open_env(row.env_id, split=row.evaluation_split, form=form, images="optional")
    found = audit(env.dataset, env.engine, episodes=40, seed=3)
    assert found.is_sound, found.verdict
    assert set(rewards(found, "silent").values()) == {0.0} and len(rewards(found, "silent")) == 4
    assert set(rewards(found, "nonsense").values()) == {0.0}
    assert rewards(found, "expert") == {"expert": 1.0}
    assert len(rewards(found, "random")) == 1
    assert found.majority.reward <= 0.75, "a constant earns so much that nothing is asked"


def test_what_the_policies_of_clevr_earn() -> None:
    env = open_env("VisProg-CLEVR-v0", split="val")
    dataset = env.dataset
    found = audit(dataset, env.engine, episodes=10_000)
    answers = Counter(sample.target for sample in dataset)
    best, count = answers.most_common(1)[0]
    assert found.majority.policy == f"return {best!r}"
    assert found.majority.reward == pytest.approx(count / len(dataset))
    assert found.majority.error == pytest.approx((count * (len(dataset) - count) / len(dataset)) ** 0.5 / len(dataset))
    assert list(rewards(found, "constant"))[:5] == [f"return {answer!r}" for answer, _ in answers.most_common(5)]
    assert set(rewards(found, "hedge").values()) == {0.0}
    outcomes = {result.policy: result.outcomes for result in found.results}
    assert outcomes["crash"] == {"runtime_error": len(dataset)}
    assert outcomes["return None"] == outcomes["no return"] == {"no_answer": len(dataset)}
    assert outcomes["no program"] == {"extract_error": len(dataset)}
    assert "rejected" not in outcomes["random programs"] and "syntax_error" not in outcomes["random programs"]
    assert found.verdict.startswith("sound: ") and best in found.verdict


def test_the_seed_decides() -> None:
    env = open_env("VisProg-AOKVQA-v0", split="val")
    first, again, other = (audit(env.dataset, env.engine, episodes=30, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


class Generous(VisualQuestionAnswering):
    """Gives a reward for any answer."""

    def score(self, answer: Any, target: Any) -> Score:
        return Score(1.0, 1.0)


class Lenient(VisualQuestionAnswering):
    """Takes the right one of several answers."""

    def score(self, answer: Any, target: Any) -> Score:
        reward = float(target in answer if isinstance(answer, list) else super().score(answer, target).reward)
        return Score(reward, reward)


class Forgiving(Engine):
    """Takes a crash for an answer now and then."""

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        outcomes = super().run(jobs)
        return [
            Outcome("correct", 1.0, outcome.sample_id) if outcome.outcome == "runtime_error" and i == 7 else outcome
            for i, outcome in enumerate(outcomes)
        ]


def audit_clevr(engine: Engine, episodes: int = 100) -> Audit:
    return audit(open_dataset("CLEVR", split="val"), engine, episodes=episodes)


def test_a_task_that_rewards_anything_is_found() -> None:
    found = audit_clevr(Engine(Generous(), make_perception("oracle")))
    assert not found.is_sound
    assert "(return 'no such answer') gives an answer that is right nowhere and earns 1.000 ± 0.000." in found.verdict
    assert found.verdict.startswith("not sound: ") and "\n" not in found.verdict


def test_a_task_that_takes_several_answers_is_found() -> None:
    found = audit_clevr(Engine(Lenient(), make_perception("oracle")))
    (fault,) = found.faults
    assert fault.startswith("The policy (return all of them) earns 0.") and "more than the majority answer (return " in fault


def test_a_single_rewarded_crash_is_found() -> None:
    found = audit_clevr(Forgiving(CLEVRTask(), make_perception("oracle")))
    assert [fault for fault in found.faults if "(crash) gives no answer and earns 0.010 ± 0.010." in fault]
    assert not [fault for fault in found.faults if "return None" in fault]


def test_an_environment_without_expert(monkeypatch: pytest.MonkeyPatch) -> None:
    def untranslatable(sample: Any) -> str:
        raise UntranslatableError("none")

    monkeypatch.setattr(module, "translate", untranslatable)
    found = audit_clevr(Engine(CLEVRTask(), make_perception("oracle")), episodes=10)
    assert found.is_sound
    assert rewards(found, "expert") == {}
    assert any("There is no expert" in note for note in found.notes)


def test_an_expert_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "translate", lambda sample: "return 'yes'")
    found = audit_clevr(Engine(CLEVRTask(), make_perception("oracle")), episodes=50)
    failed = round(50 * (1 - rewards(found, "expert")["expert"]))
    assert found.is_sound and f"The expert fails on {failed} of 50 samples." in found.notes


def result(policy: str, group: Group, values: Sequence[float]) -> Result:
    return Result(policy, group, sum(values) / len(values), 0.0, {}, tuple(values))


@pytest.mark.parametrize(
    ("better", "worse", "is_more"), [(9, 0, False), (10, 0, True), (60, 40, False), (66, 34, True), (0, 50, False)]
)
def test_more_means_three_standard_errors(better: int, worse: int, is_more: bool) -> None:
    n = 200
    constant = result("return 1", "constant", [0.0] * better + [1.0] * worse + [1.0, 0.0] * ((n - better - worse) // 2))
    other = [1.0] * better + [0.0] * worse + [1.0, 0.0] * ((n - better - worse) // 2)
    expert = result("expert", "expert", [1.0] * len(other))
    assert judge([constant, result("both", "hedge", other), expert]).is_sound is not is_more
    for group in ("random", "query"):
        found = judge([constant, result("other", group, other), expert])  # type: ignore[arg-type]
        assert found.is_sound and bool(found.notes) is is_more


def test_right_answers_by_type_of_target() -> None:
    assert list(right_answers("red")) == ["red"]
    assert list(right_answers(True)) == [True]
    assert list(right_answers(3)) == [3]
    assert list(right_answers(("a cat", "cat", "a cat"))) == ["a cat", "cat"]
    assert list(right_answers(Choice(1, ("x", "y"), 2))) == ["B", "y"]
    assert list(right_answers(Choice(2, None, 3))) == ["C"]
    assert list(right_answers(Boxes(((0.0, 0.0, 1.0, 1.0),)))) == []
    assert list(right_answers((1.0, 2.0, 3.0, 4.0))) == []
    assert list(right_answers(None)) == []


def test_constants_are_ordered_by_what_they_earn() -> None:
    class Case:
        """Samples whose targets differ in what the task does not look at."""

        def __init__(self, target: str) -> None:
            self.target = target

    samples: Any = [Case(target) for target in ["no"] * 3 + ["Yes", "yes", "YES", "yes."]]
    assert best_constants(samples, VisualQuestionAnswering(), 1) == ["Yes"]


def test_truth_and_one_are_different_constants() -> None:
    samples: Any = [type("Case", (), {"target": target}) for target in (True, 1, 1)]
    assert [type(value) for value in best_constants(samples, Generous())] == [int, bool]


def test_too_few_episodes() -> None:
    with pytest.raises(InspectionError, match="episodes=0 is too few"):
        audit_clevr(Engine(CLEVRTask(), make_perception("oracle")), episodes=0)
