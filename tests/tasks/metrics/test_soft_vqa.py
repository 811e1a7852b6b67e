import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.contractions import CONTRACTIONS
from vispro_gym.tasks.metrics.soft_vqa import (
    normalise_vqa,
    read_vqa,
    soft_accuracy,
    soft_vqa_metric,
    strip_punctuation,
    write_vqa,
)

NASTY = ["t-shirt", "taking a photo", "1,000", "don't", "The Dog.", "none", "a", "?", "N/A", "U.S.A.", "x_y", ""]


@pytest.fixture(scope="session")
def golden(realdata: Path) -> dict:
    return json.loads((realdata / "golden" / "vqa_official.json").read_text())


@pytest.fixture(scope="session")
def annotations(realdata: Path) -> dict:
    content = json.loads((realdata / "vqav2" / "v2_mscoco_val2014_annotations.json").read_text())
    return {str(record["question_id"]): record for record in content["annotations"]}


def annotation(*answers: str, question_type: str = "what is", answer_type: str = "other") -> dict:
    return {
        "answers": [{"answer": answer, "answer_confidence": "yes", "answer_id": i} for i, answer in enumerate(answers, 1)],
        "question_type": question_type,
        "answer_type": answer_type,
    }


class TestGolden:
    def test_normalisation(self, golden: dict) -> None:
        assert len(golden["normalisation"]) == 47
        for pair in golden["normalisation"]:
            assert (strip_punctuation(pair["in"]), normalise_vqa(pair["in"])) == (pair["punct"], pair["out"])

    def test_soft_accuracy(self, golden: dict, annotations: dict) -> None:
        assert len(golden["soft_accuracy"]) == 81
        for item in golden["soft_accuracy"]:
            answers = [answer["answer"] for answer in annotations[str(item["question_id"])]["answers"]]
            assert round(100 * soft_accuracy(item["prediction"], answers), 2) == item["accuracy"], item

    def test_metric_of_one_question_each(self, golden: dict, annotations: dict) -> None:
        for item in golden["soft_accuracy"]:
            question_id = str(item["question_id"])
            record = annotations[question_id]
            metric = soft_vqa_metric({question_id: item["prediction"]}, {question_id: record})
            assert metric == {
                "overall": item["accuracy"],
                f"answer_type/{record['answer_type']}": item["accuracy"],
                f"question_type/{record['question_type']}": item["accuracy"],
            }


class TestNormalisation:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("black/white", "black white"),  # no space beside it: a space
            ("black / white-ish", "black white ish"),  # each sign looks for its own neighbours
            ("x- y-z", "x yz"),  # one hyphen beside a space deletes all of them
            ("1,000 t-shirts", "1000 tshirts"),  # a comma between digits deletes all punctuation
            ("3.5 m.", "3.5 m"),
            ("v.2", "v.2"),  # a full stop before a digit stays, whatever stands before it
            ("10:30", "10:30"),
            ("it's 5$", "it's 5$"),
            ("None", "0"),
            ("ten", "10"),
            ("eleven", "eleven"),
            ("The a an THE", ""),
            ("dont", "don't"),
            ("Couldntve couldnt've couldn'tve", "couldntve couldn't've couldn't've"),
            ("somebody'd", "somebodyd"),
            ("lets shes", "lets shes"),
            ("IM", "im"),  # the official table has "Im", which lowered texts never match
            ("t-shirt", "t shirt"),
            (" \n two\tdogs ", "2 dogs"),
        ],
    )
    def test_quirks(self, text: str, expected: str) -> None:
        assert normalise_vqa(text) == expected

    def test_only_32_full_stops_go(self) -> None:
        assert strip_punctuation("." * 40) == "." * 8

    def test_contractions_differ_by_one_apostrophe(self) -> None:
        # 120 official entries, less two that map to themselves and four with capitals
        assert len(CONTRACTIONS) == 114
        assert all(abs(len(form) - len(word)) == 1 for word, form in CONTRACTIONS.items())
        assert all(form.replace("'", "") == word.replace("'", "") for word, form in CONTRACTIONS.items())

    def test_a_validation_split_takes_seconds(self) -> None:
        texts = [f"The {i}-th, of {i // 2} dogs." for i in range(200_000)]
        start = time.process_time()
        for text in texts:
            normalise_vqa(text)
        assert time.process_time() - start < 30

    @given(st.text())
    def test_leaves_no_articles_capitals_or_double_spaces(self, text: str) -> None:
        words = normalise_vqa(text).split(" ")
        assert normalise_vqa(text) == normalise_vqa(text).lower()
        assert not {"a", "an", "the", "none", "one"} & set(words)
        assert words == [""] or "" not in words


class TestSoftAccuracy:
    @pytest.mark.parametrize(("agreeing", "expected"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (9, 1.0)])
    def test_leaves_out_each_person_in_turn(self, agreeing: int, expected: float) -> None:
        answers = ["cat"] * agreeing + [f"other {i}" for i in range(10 - agreeing)]
        assert soft_accuracy("cat", answers) == pytest.approx(expected, abs=1e-12)

    def test_normalises_only_if_people_disagree(self) -> None:
        assert soft_accuracy("The Dog.", ["dog"] * 10) == 0.0
        assert soft_accuracy("The Dog.", ["dog"] * 9 + ["cat"]) == 1.0
        assert soft_accuracy("dog", ["a dog"] * 10) == 0.0
        assert soft_accuracy("a dog", ["a dog"] * 10) == 1.0

    def test_spaces_are_no_disagreement(self) -> None:
        assert soft_accuracy("Dog", ["dog", " dog\n", "\tdog"] * 3 + ["dog"]) == 0.0

    def test_one_person_alone_has_nobody_to_agree_with(self) -> None:
        assert soft_accuracy("dog", ["dog"]) == 0.0

    def test_no_answers(self) -> None:
        with pytest.raises(DatasetError, match="no answers. Expected"):
            soft_accuracy("dog", [])

    @pytest.mark.parametrize("gold", NASTY)
    @pytest.mark.parametrize("agreeing", [4, 7, 10])
    def test_each_gold_answer_is_right(self, gold: str, agreeing: int) -> None:
        assert soft_accuracy(gold, [gold] * agreeing + ["zebra"] * (10 - agreeing)) == 1.0

    @given(st.text(), st.lists(st.text(), max_size=6))
    def test_what_four_people_say_is_right(self, gold: str, others: list[str]) -> None:
        assert soft_accuracy(gold, [gold] * 4 + others) == 1.0

    @given(st.sampled_from(NASTY), st.lists(st.sampled_from(NASTY), min_size=1, max_size=10), st.randoms())
    def test_order_of_people_does_not_matter(self, prediction: str, answers: list[str], random) -> None:
        shuffled = random.sample(answers, len(answers))
        assert soft_accuracy(prediction, shuffled) == pytest.approx(soft_accuracy(prediction, answers), abs=1e-12)


class TestMetric:
    def test_groups_and_rounding(self) -> None:
        asked = {
            "1": annotation(*["yes"] * 10, question_type="is the", answer_type="yes/no"),
            "2": annotation(*["red"] * 3, *["blue"] * 7),
            "3": annotation(*["red"] * 10),
        }
        assert soft_vqa_metric({"1": "yes", "2": "red", "3": None}, asked) == {
            "overall": 63.33,
            "answer_type/other": 45.0,
            "answer_type/yes/no": 100.0,
            "question_type/is the": 100.0,
            "question_type/what is": 45.0,
        }

    def test_missing_predictions_are_wrong_even_where_nothing_is_the_answer(self) -> None:
        asked = {"1": annotation(*["the"] * 9, "a")}
        assert soft_vqa_metric({}, asked)["overall"] == 0.0
        assert soft_vqa_metric({"1": "an"}, asked)["overall"] == 100.0

    def test_nothing_asked(self) -> None:
        assert soft_vqa_metric({"1": "yes"}, {}) == {}

    def test_annotations_stay_as_they_are(self) -> None:
        asked = {"1": annotation("A dog", "cat")}
        before = json.dumps(asked)
        soft_vqa_metric({"1": "dog"}, asked)
        assert json.dumps(asked) == before

    @pytest.mark.parametrize(
        ("record", "message"),
        [
            ({}, "question 7 has no key 'answers'"),
            ({"answers": []}, "question 7 has no answers"),
            ({"answers": ["dog"]}, "item 0 is of type str. Expected dict"),
            ({"answers": [{"answer": 3}]}, "answer 0 has 'answer' of type int"),
            (annotation("dog", question_type=None), "'question_type' of type NoneType"),
        ],
    )
    def test_damaged_annotation(self, record: dict, message: str) -> None:
        with pytest.raises(DatasetError, match=message):
            soft_vqa_metric({"7": "dog"}, {"7": record})

    def test_prediction_of_a_wrong_type(self) -> None:
        with pytest.raises(DatasetError, match="question '7' is of type int. Expected text"):
            soft_vqa_metric({"7": 3}, {"7": annotation("3")})


class TestResultsFile:
    @given(predictions=st.dictionaries(st.integers(0, 10**12).map(str), st.text(), max_size=5))
    def test_round_trip(self, tmp_path_factory, predictions: dict[str, str]) -> None:
        path = tmp_path_factory.mktemp("vqa") / "results.json"
        write_vqa(path, predictions)
        assert read_vqa(path) == predictions

    def test_official_form(self, tmp_path: Path) -> None:
        path = tmp_path / "results.json"
        write_vqa(path, {"262148000": "down", "9": None})
        assert json.loads(path.read_text()) == [
            {"question_id": 262148000, "answer": "down"},
            {"question_id": 9, "answer": ""},
        ]
        write_vqa(path, {"1": "\ud800"})  # half a surrogate pair, which UTF-8 has no bytes for
        assert read_vqa(path) == {"1": "\ud800"}

    @pytest.mark.parametrize("question_id", ["n1", "007", "", "1.0", 7])
    def test_ids_are_whole_numbers(self, tmp_path: Path, question_id: str) -> None:
        with pytest.raises(DatasetError, match="no whole number"):
            write_vqa(tmp_path / "results.json", {question_id: "yes"})

    @pytest.mark.parametrize(
        "content",
        [
            "",
            '[{"question_id": 1, "answer": "ye',
            '{"1": "yes"}',
            '["yes"]',
            '[{"question_id": 1}]',
            '[{"question_id": "1", "answer": "yes"}]',
            '[{"question_id": true, "answer": "yes"}]',
            '[{"question_id": 1, "answer": 3}]',
            '[{"question_id": 1, "answer": "yes"}, {"question_id": 1, "answer": "no"}]',
        ],
    )
    def test_damaged_file(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "results.json"
        path.write_text(content)
        with pytest.raises(DatasetError, match=r"results\.json.*Expected"):
            read_vqa(path)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r'is missing. Expected .*"question_id": int, "answer": str'):
            read_vqa(tmp_path / "results.json")
