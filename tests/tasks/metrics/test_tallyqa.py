import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.tallyqa import count_from, read_tallyqa, tallyqa_metric, write_tallyqa

QUESTIONS = {
    "1": {"answer": 4, "issimple": False},
    "2": {"answer": 2, "issimple": True},
    "3": {"answer": 0, "issimple": True},
    "4": {"answer": 3, "issimple": True},
}


class TestCountFrom:
    @pytest.mark.parametrize(
        ("prediction", "count"),
        [
            (3, 3),
            (0, 0),
            (-2, -2),
            ("3", 3),
            (" 3\n", 3),
            ("3.0", 3),
            ("+3", 3),
            ("-1", -1),
            ("Three", 3),
            ("none", 0),
            ("zero", 0),
            ("twenty", 20),
            ("twenty-one", None),
            ("3.5", None),
            ("3 dogs", None),
            ("many", None),
            ("", None),
            ("1_0", None),
            ("٣", None),
            ("nan", None),
            (True, None),
            (None, None),
            (2.0, None),
            pytest.param(10**400, None, id="huge"),
            pytest.param("9" * 5000, None, id="long"),
            (999_999_999, 999_999_999),
        ],
    )
    def test_reads(self, prediction: object, count: int | None) -> None:
        assert count_from(prediction) == count

    @given(st.integers(0, 15))
    def test_each_count_and_its_text_are_read(self, count: int) -> None:
        assert count_from(count) == count_from(str(count)) == count


class TestMetric:
    def test_by_hand(self) -> None:
        metric = tallyqa_metric({"1": 7, "2": "two", "3": "0", "4": "1"}, QUESTIONS)
        assert metric == {
            "accuracy": 50.0,
            "rmse": math.sqrt((9 + 0 + 0 + 4) / 4),
            "accuracy/simple": pytest.approx(200 / 3),
            "rmse/simple": math.sqrt(4 / 3),
            "accuracy/complex": 0.0,
            "rmse/complex": 3.0,
        }

    def test_no_count_is_wrong_and_errs_as_zero_does(self) -> None:
        metric = tallyqa_metric({"1": "many", "2": None}, QUESTIONS)
        assert metric["accuracy"] == 0.0  # also question 3, whose answer is 0
        assert metric["rmse"] == math.sqrt((16 + 4 + 0 + 9) / 4)

    def test_the_gold_counts_are_right(self) -> None:
        metric = tallyqa_metric({question_id: record["answer"] for question_id, record in QUESTIONS.items()}, QUESTIONS)
        assert {value for name, value in metric.items() if name.startswith("accuracy")} == {100.0}
        assert {value for name, value in metric.items() if name.startswith("rmse")} == {0.0}

    def test_records_of_train_have_no_kind(self) -> None:
        assert tallyqa_metric({"1": 4}, {"1": {"answer": 4}}) == {"accuracy": 100.0, "rmse": 0.0}

    def test_groups_without_questions_are_left_out(self) -> None:
        assert tallyqa_metric({}, {}) == {}
        assert "accuracy/simple" not in tallyqa_metric({}, {"1": QUESTIONS["1"]})

    @given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15), st.booleans()), min_size=1))
    def test_overall_is_the_weighted_mean_of_both_kinds(self, rows: list[tuple[int, int, bool]]) -> None:
        questions = {str(i): {"answer": gold, "issimple": simple} for i, (gold, _, simple) in enumerate(rows)}
        metric = tallyqa_metric({str(i): guess for i, (_, guess, _) in enumerate(rows)}, questions)
        counts = {"simple": sum(row[2] for row in rows), "complex": sum(not row[2] for row in rows)}
        parts = {kind: count for kind, count in counts.items() if count}
        accuracy = sum(metric[f"accuracy/{kind}"] * count for kind, count in parts.items()) / len(rows)
        squared = sum(metric[f"rmse/{kind}"] ** 2 * count for kind, count in parts.items()) / len(rows)
        assert metric["accuracy"] == pytest.approx(accuracy)
        assert metric["rmse"] == pytest.approx(math.sqrt(squared), abs=1e-9)

    @pytest.mark.parametrize(
        ("record", "message"),
        [
            ({}, "question 1 has no key 'answer'"),
            ({"answer": "3"}, "'answer' of type str"),
            ({"answer": True}, "'answer' of type bool. Expected int"),
            ({"answer": 10**30}, "Expected a count"),
            ({"answer": 3, "issimple": None}, "'issimple' of type NoneType"),
        ],
    )
    def test_damaged_record(self, record: dict, message: str) -> None:
        with pytest.raises(DatasetError, match=message):
            tallyqa_metric({"1": 3}, {"1": record})


class TestResultsFile:
    @given(predictions=st.dictionaries(st.integers(0, 10**9).map(str), st.integers(-10, 10**8), max_size=5))
    def test_round_trip(self, tmp_path_factory, predictions: dict[str, int]) -> None:
        path = tmp_path_factory.mktemp("tallyqa") / "results.json"
        write_tallyqa(path, predictions)
        assert read_tallyqa(path) == predictions

    def test_holds_counts_only(self, tmp_path: Path) -> None:
        path = tmp_path / "results.json"
        write_tallyqa(path, {"30095774": "four", "2": "many", "3": None})
        assert json.loads(path.read_text()) == [{"question_id": 30095774, "answer": 4}]

    @pytest.mark.parametrize(
        "content",
        [
            "[",
            '{"1": 4}',
            '[{"question_id": 1, "answer": "4"}]',
            '[{"question_id": 1, "answer": true}]',
            '[{"question_id": 1, "answer": 4}, {"question_id": 1, "answer": 4}]',
        ],
    )
    def test_damaged_file(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "results.json"
        path.write_text(content)
        with pytest.raises(DatasetError, match=r"results\.json.*Expected"):
            read_tallyqa(path)
