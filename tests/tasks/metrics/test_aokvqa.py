import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.aokvqa import aokvqa_metric, read_aokvqa, write_aokvqa


def question(**changes) -> dict:
    return {
        "choices": ["race", "park", "t-shirt", "dog"],
        "correct_choice_idx": 2,
        "direct_answers": ["ride", "ride", "bath", "t-shirt", "t-shirt", "t-shirt", "T-shirt", "race", "race", "park"],
        "difficult_direct_answer": False,
    } | changes


class TestMultipleChoice:
    @pytest.mark.parametrize(
        ("prediction", "expected"),
        [("t-shirt", 100.0), ("T-shirt", 0.0), ("t shirt", 0.0), ("race", 0.0), ("2", 0.0), (None, 0.0)],
    )
    def test_exact_choice(self, prediction: str | None, expected: float) -> None:
        assert aokvqa_metric({"q": {"multiple_choice": prediction}}, {"q": question()}) == {"multiple_choice": expected}

    def test_difficult_questions_count(self) -> None:
        questions = {"a": question(difficult_direct_answer=True), "b": question()}
        assert aokvqa_metric({"a": {"multiple_choice": "t-shirt"}}, questions) == {"multiple_choice": 50.0}


class TestDirectAnswer:
    @pytest.mark.parametrize(
        ("prediction", "matches"), [("t-shirt", 3), ("T-shirt", 1), ("ride", 2), ("park", 1), ("a ride", 0), ("", 0), (None, 0)]
    )
    def test_a_third_for_each_person_without_normalisation(self, prediction: str | None, matches: int) -> None:
        metric = aokvqa_metric({"q": {"direct_answer": prediction}}, {"q": question()})
        assert metric == {"direct_answer": min(1.0, matches / 3) * 100}

    def test_difficult_questions_do_not_count(self) -> None:
        questions = {"a": question(difficult_direct_answer=True), "b": question()}
        predictions = {"a": {"direct_answer": "nonsense"}, "b": {"direct_answer": "t-shirt"}}
        assert aokvqa_metric(predictions, questions) == {"direct_answer": 100.0}
        assert aokvqa_metric(predictions, {"a": questions["a"]}) == {}

    @given(st.text(), st.lists(st.text(), max_size=7))
    def test_what_three_people_say_is_right(self, gold: str, others: list[str]) -> None:
        metric = aokvqa_metric({"q": {"direct_answer": gold}}, {"q": question(direct_answers=[*others, gold, gold, gold])})
        assert metric == {"direct_answer": 100.0}


class TestMetric:
    def test_missing_predictions_count_zero(self) -> None:
        questions = {str(i): question() for i in range(4)}
        predictions = {"0": {"multiple_choice": "t-shirt", "direct_answer": "ride"}, "1": {"multiple_choice": None}}
        assert aokvqa_metric(predictions, questions) == {"multiple_choice": 25.0, "direct_answer": pytest.approx(200 / 3 / 4)}

    def test_settings_that_nobody_answered_are_left_out(self) -> None:
        assert aokvqa_metric({}, {"q": question()}) == {}
        assert aokvqa_metric({"q": {"direct_answer": None}}, {"q": question()}) == {"direct_answer": 0.0}

    def test_answers_to_questions_that_were_not_asked_do_not_count(self) -> None:
        predictions = {"q": {"multiple_choice": "t-shirt"}, "other": {"multiple_choice": "dog"}}
        assert aokvqa_metric(predictions, {"q": question()}) == {"multiple_choice": 100.0}

    @pytest.mark.parametrize(
        ("record", "message"),
        [
            ({}, "question q has no key 'choices'"),
            (question(correct_choice_idx=4), "'correct_choice_idx' 4. Expected a position in its 4 choices"),
            (question(correct_choice_idx=None), "'correct_choice_idx' of type NoneType"),
            (question(direct_answers=["a", 3]), "'direct_answers' whose item 1 is of type int"),
            (question(difficult_direct_answer="no"), "'difficult_direct_answer' of type str"),
        ],
    )
    def test_damaged_record(self, record: dict, message: str) -> None:
        with pytest.raises(DatasetError, match=message):
            aokvqa_metric({"q": {"multiple_choice": "dog", "direct_answer": "dog"}}, {"q": record})

    @pytest.mark.parametrize("prediction", ["dog", None, {"choice": "dog"}, {"direct_answer": 3}])
    def test_damaged_prediction(self, prediction: object) -> None:
        with pytest.raises(DatasetError, match="prediction for question 'q'.*Expected"):
            aokvqa_metric({"q": prediction}, {"q": question()})


class TestPredictionsFile:
    @given(
        predictions=st.dictionaries(
            st.text(), st.fixed_dictionaries({}, optional={"multiple_choice": st.text(), "direct_answer": st.text()}), max_size=4
        )
    )
    def test_round_trip(self, tmp_path_factory, predictions: dict[str, dict[str, str | None]]) -> None:
        path = tmp_path_factory.mktemp("aokvqa") / "predictions.json"
        write_aokvqa(path, predictions)
        assert read_aokvqa(path) == predictions

    def test_no_answer_is_left_out(self, tmp_path: Path) -> None:
        path = tmp_path / "predictions.json"
        write_aokvqa(path, {"q": {"multiple_choice": "dog", "direct_answer": None}})
        assert json.loads(path.read_text()) == {"q": {"multiple_choice": "dog"}}

    @pytest.mark.parametrize("prediction", ["dog", {"choice": "dog"}, {"direct_answer": 3}])
    def test_wrong_predictions_are_not_written(self, tmp_path: Path, prediction: object) -> None:
        with pytest.raises(DatasetError, match="question 'q'.*Expected"):
            write_aokvqa(tmp_path / "predictions.json", {"q": prediction})

    @pytest.mark.parametrize(
        "content",
        ["", '{"q": {', '[{"q": "dog"}]', '{"q": "dog"}', '{"q": {"choice": "dog"}}', '{"q": {"direct_answer": null}}'],
    )
    def test_damaged_file(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "predictions.json"
        path.write_text(content)
        with pytest.raises(DatasetError, match=r"predictions\.json.*Expected"):
            read_aokvqa(path)
