import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.gqa import format_gqa, gqa_metric, read_gqa, vipergpt_accuracy, vipergpt_text, write_gqa

# What the official script prints for the golden predictions on the head of GQA-OOD testdev (the golden figures themselves
# are for head and tail together).
HEAD = """\
Binary: 53.80%
Open: 24.11%
Accuracy: 33.76%
Consistency: 85.59%
Validity: 69.74%
Plausibility: 50.63%
Distribution: 0.65 (lower is better)

Accuracy / structural type:
  choose: 46.03% (126 questions)
  compare: 75.00% (20 questions)
  logical: 58.33% (264 questions)
  query: 24.11% (1120 questions)
  verify: 48.84% (129 questions)

Accuracy / semantic type:
  attr: 46.45% (747 questions)
  cat: 22.41% (241 questions)
  obj: 72.22% (18 questions)
  rel: 22.36% (653 questions)

Accuracy / steps number:
  1: 45.45% (44 questions)
  2: 27.00% (900 questions)
  3: 32.26% (434 questions)
  4: 54.84% (155 questions)
  5: 57.26% (117 questions)
  6: 55.56% (9 questions)

Accuracy / words number:
  3: 14.29% (56 questions)
  4: 36.14% (83 questions)
  5: 24.10% (249 questions)
  6: 31.56% (301 questions)
  7: 33.33% (207 questions)
  8: 30.14% (146 questions)
  9: 47.02% (151 questions)
  10: 46.81% (141 questions)
  11: 34.00% (100 questions)
  12: 43.48% (69 questions)
  13: 40.00% (50 questions)
  14: 38.30% (47 questions)
  15: 29.63% (27 questions)
  16: 20.00% (15 questions)
  17: 33.33% (9 questions)
  18: 0.00% (2 questions)
  19: 0.00% (2 questions)
  20: 50.00% (2 questions)
  22: 0.00% (1 questions)
  23: 0.00% (1 questions)
"""

# The structural type of a question, by the operation that its program ends with.
STRUCTURAL = {"verify": "verify", "exist": "verify", "and": "logical", "or": "logical", "same": "compare", "different": "compare"}


@pytest.fixture(scope="session")
def golden(realdata: Path) -> dict:
    return json.loads((realdata / "golden" / "gqa_official.json").read_text())


def question(**changes) -> dict:
    return {
        "question": "What is it?",
        "answer": "dog",
        "isBalanced": True,
        "types": {"structural": "query", "semantic": "rel", "detailed": "relS"},
        "semantic": [
            {"operation": "select", "dependencies": [], "argument": "animal (1)"},
            {"operation": "query", "dependencies": [0], "argument": "name"},
        ],
        "groups": {"global": "animal", "local": "a"},
        "entailed": [],
    } | changes


class TestGolden:
    def test_head_prints_what_the_official_script_prints(self, golden: dict, realdata: Path) -> None:
        records = json.loads((realdata / "gqa" / "questions" / "testdev_ood_head_questions.json").read_text())
        asked = {i: record for i, record in records.items() if i in golden["predictions"]}
        assert format_gqa(gqa_metric(golden["predictions"], asked, golden["choices"])) == HEAD

    def test_all_figures_that_follow_from_programs(self, golden: dict, realdata: Path) -> None:
        """The questions' programs are there for head and tail; they tell structural types and steps."""
        programs = json.loads((realdata / "gqa" / "questions" / "testdev_balanced_programs.json").read_text())
        asked = {}
        for question_id in golden["predictions"]:
            row = programs[question_id]
            pairs = [step.partition(": ")[::2] for step in row["semanticStr"].split("->")]
            last = pairs[-1][0].split()[0]
            asked[question_id] = {
                "question": "",
                "answer": row["answer"],
                "semantic": [{"operation": operation, "argument": argument} for operation, argument in pairs],
                "types": {"structural": STRUCTURAL.get(last, last), "semantic": "unknown"},
            }
        printed = format_gqa(gqa_metric(golden["predictions"], asked, golden["choices"]))
        for title in ("Accuracy / structural type", "Accuracy / steps number"):
            section = re.compile(rf"^{title}:\n(  .*\n)+", re.MULTILINE)
            assert section.search(printed)[0] == section.search(golden["stdout"])[0]
        headlines = [
            line for line in golden["stdout"].split("\n\n")[0].split("\n") if not re.match("Consistency|Distribution", line)
        ]
        assert printed.split("\n\n")[0].split("\n") == headlines

    def test_gold_answers_score_full_marks(self, realdata: Path) -> None:
        asked = json.loads((realdata / "gqa" / "questions" / "testdev_ood_head_questions.json").read_text())
        metric = gqa_metric({i: record["answer"] for i, record in asked.items()}, asked)
        assert metric["distribution"] == 0.0
        assert {value for name, value in metric.items() if "_count/" not in name and name != "distribution"} == {100.0}


class TestMetric:
    @pytest.mark.parametrize("prediction", ["Dog", " dog", "dog.", "a dog", "", None])
    def test_no_normalisation(self, prediction: str | None) -> None:
        assert gqa_metric({"1": prediction}, {"1": question()})["accuracy"] == 0.0
        assert gqa_metric({"1": "dog"}, {"1": question()})["accuracy"] == 100.0

    def test_all_keys(self) -> None:
        metric = gqa_metric({"1": "dog"}, {"1": question()}, {"1": {"valid": ["dog", "cat"], "plausible": ["cat"]}})
        assert metric == {
            "accuracy": 100.0,
            "open": 100.0,
            "validity": 100.0,
            "plausibility": 0.0,
            "distribution": 0.0,
            "structural/query": 100.0,
            "structural_count/query": 1.0,
            "semantic/rel": 100.0,
            "semantic_count/rel": 1.0,
            "steps/1": 100.0,
            "steps_count/1": 1.0,
            "words/3": 100.0,
            "words_count/3": 1.0,
        }

    def test_everything_but_queries_is_binary(self) -> None:
        asked = {
            kind: question(types={"structural": kind, "semantic": "rel", "detailed": ""})
            for kind in ("query", "choose", "compare")
        }
        metric = gqa_metric({"choose": "dog"}, asked)
        assert (metric["open"], metric["binary"]) == (0.0, 50.0)

    def test_missing_predictions_are_wrong(self) -> None:
        assert gqa_metric({"1": "dog"}, {"1": question(), "2": question()})["accuracy"] == 50.0

    def test_nothing_asked(self) -> None:
        assert gqa_metric({"1": "dog"}, {}) == {}
        assert format_gqa({}).startswith("Binary: 0.00%\nOpen: 0.00%\nAccuracy: 0.00%\n\nAccuracy / structural type:\n")

    @pytest.mark.parametrize(
        ("operation", "argument", "steps"),
        [
            ("query", "name", 1),
            ("query", "color", 2),
            ("exist", "?", 1),
            ("choose name", "cat|dog", 1),
            ("choose color", "red|blue", 2),
            ("verify rel", "thing that exists,on,s (1)", 1),  # looked for as a piece of text, wherever it stands
        ],
    )
    def test_steps_that_only_ask_do_not_count(self, operation: str, argument: str, steps: int) -> None:
        program = [{"operation": "select", "argument": "dog (1)"}, {"operation": operation, "argument": argument}]
        assert f"steps/{steps}" in gqa_metric({}, {"1": question(semantic=program)})

    def test_words_are_what_spaces_separate(self) -> None:
        assert "words/4" in gqa_metric({}, {"1": question(question="Is  it a t-shirt?")})

    def test_questions_that_are_not_balanced_count_for_consistency_only(self) -> None:
        asked = {"1": question(entailed=["2"]), "2": question(isBalanced=False, answer="yes")}
        metric = gqa_metric({"1": "dog", "2": "no"}, asked)
        assert (metric["accuracy"], metric["consistency"], metric["words_count/3"]) == (100.0, 0.0, 1.0)
        assert gqa_metric({"2": "yes"}, {"2": asked["2"]}) == {}

    def test_records_of_few_fields(self) -> None:
        metric = gqa_metric({"1": "dog"}, {"1": {"question": "What?", "answer": "dog"}})
        assert metric == {"accuracy": 100.0, "words/1": 100.0, "words_count/1": 1.0}


class TestConsistency:
    def test_mean_over_right_answers_of_the_share_of_right_entailed_answers(self) -> None:
        asked = {
            "1": question(entailed=["1", "2", "3"]),  # itself does not count
            "2": question(answer="yes"),
            "3": question(answer="no", entailed=["2"]),  # wrong: what it entails does not count
            "4": question(entailed=["1"]),
        }
        assert gqa_metric({"1": "dog", "2": "yes", "4": "dog"}, asked)["consistency"] == 75.0

    def test_entailed_questions_that_were_not_asked_are_skipped(self) -> None:
        asked = {"1": question(entailed=["2", "99"]), "2": question(), "3": question(entailed=["99"])}
        assert gqa_metric({"1": "dog", "2": "dog", "3": "dog"}, asked)["consistency"] == 100.0

    def test_left_out_if_nothing_is_entailed(self) -> None:
        metric = gqa_metric({"1": "dog"}, {"1": question(entailed=["1"])})
        assert "consistency" not in metric
        assert "Consistency" not in format_gqa(metric)


class TestDistribution:
    def test_chi_square_weighted_by_the_size_of_groups(self) -> None:
        golds = {"1": ("animal", "dog"), "2": ("animal", "dog"), "3": ("animal", "cat"), "4": ("color", "red")}
        asked = {i: question(answer=gold, groups={"global": group}) for i, (group, gold) in golds.items()}
        # animal: dog 1 instead of 2, cat 1 as expected, cow is no gold answer; color: red 0 instead of 1
        metric = gqa_metric({"1": "dog", "2": "cow", "3": "cat"}, asked)
        assert metric["distribution"] == pytest.approx(((1 / 2 + 0) * 3 + 1 * 1) / 4 / 100)

    def test_counts_answers_wherever_they_are_given(self) -> None:
        asked = {"1": question(answer="dog"), "2": question(answer="cat")}
        metric = gqa_metric({"1": "cat", "2": "dog"}, asked)
        assert (metric["accuracy"], metric["distribution"]) == (0.0, 0.0)

    @pytest.mark.parametrize("groups", [{"global": None, "local": "a"}, {}])
    def test_left_out_without_groups(self, groups: dict) -> None:
        assert "distribution" not in gqa_metric({"1": "dog"}, {"1": question(groups=groups)})


class TestChoices:
    def test_what_things_have_in_common_is_a_category(self) -> None:
        types = {"structural": "compare", "semantic": "attr", "detailed": "twoCommon"}
        metric = gqa_metric({"1": "material"}, {"1": question(types=types)}, {"1": {"valid": ["dog"], "plausible": ["dog"]}})
        assert (metric["validity"], metric["plausibility"]) == (100.0, 100.0)

    def test_no_answer_is_not_valid(self) -> None:
        assert gqa_metric({}, {"1": question()}, {"1": {"valid": ["dog"], "plausible": ["dog"]}})["validity"] == 0.0

    @pytest.mark.parametrize("choices", [{}, {"1": {"valid": ["dog"]}}, {"1": ["dog"]}, {"1": {"valid": "dog", "plausible": []}}])
    def test_damaged_choices(self, choices: dict) -> None:
        with pytest.raises(DatasetError, match="GQA choices of question 1.*Expected"):
            gqa_metric({"1": "dog"}, {"1": question()}, choices)


class TestDamage:
    @pytest.mark.parametrize(
        "changes",
        [
            {"answer": None},
            {"question": 3},
            {"isBalanced": "yes"},
            {"types": []},
            {"types": {"structural": "query"}},
            {"semantic": "select: dog"},
            {"semantic": ["select"]},
            {"groups": None},
            {"groups": {"global": ["animal"]}},
            {"entailed": None},
            {"entailed": [["2"]]},
        ],
    )
    def test_damaged_record(self, changes: dict) -> None:
        with pytest.raises(DatasetError, match="GQA question 07"):
            gqa_metric({"07": "dog"}, {"07": question(**changes)})

    @pytest.mark.parametrize("record", [None, [], "dog"])
    def test_no_record(self, record: object) -> None:
        for metric in (gqa_metric, vipergpt_accuracy):
            with pytest.raises(DatasetError, match="GQA question 07 is of type"):
                metric({"07": "dog"}, {"07": record})

    def test_prediction_of_a_wrong_type(self) -> None:
        with pytest.raises(DatasetError, match="question '07' is of type list. Expected text"):
            gqa_metric({"07": ["dog"]}, {"07": question()})


class TestViperGPT:
    @pytest.mark.parametrize(
        ("answer", "text"),
        [
            (None, "no"),
            ([], "no"),
            ([None], "no"),
            ([True, False], "yes"),
            (["Dog", "cat"], "dog"),
            ([["dog"]], "['dog']"),
            (("left",), "('left',)"),
            (False, "no"),
            ("True", "yes"),
            (" FALSE\n", "no"),
            ("true dog", "true dog"),
            (2, "2"),
            (2.0, "2.0"),
            ("a\tb\nc", "a b c"),
            ({"b": 1}, "{'b': 1}"),
        ],
    )
    def test_reading(self, answer: object, text: str) -> None:
        assert vipergpt_text(answer) == text

    def test_reading_tensors(self) -> None:
        torch = pytest.importorskip("torch")
        assert vipergpt_text(torch.tensor(True)) == "yes"
        assert vipergpt_text([torch.tensor(3)]) == "3"
        assert vipergpt_text(torch.tensor([1, 2])) == "tensor([1, 2])"

    @pytest.mark.parametrize(
        ("answer", "gold", "right"),
        [
            ("The Dog.", "dog", True),
            ("two", "2", True),
            ("none", "0", True),
            ("N/A", "n", True),
            (None, "no", True),
            ("dog", "Dog", False),  # the gold answer stays as it is
            ("t-shirt", "t-shirt", False),
            ("taking a photo", "taking a photo", False),
        ],
    )
    def test_only_the_prediction_is_normalised(self, answer: object, gold: str, right: bool) -> None:
        assert vipergpt_accuracy({"1": answer}, {"1": question(answer=gold)}) == {"vipergpt_accuracy": 100.0 * right}

    def test_crashes_answer_no(self) -> None:
        asked = {"1": question(answer="no"), "2": question(answer="yes"), "3": question(answer="no", isBalanced=False)}
        assert vipergpt_accuracy({}, asked) == {"vipergpt_accuracy": 50.0}

    def test_nothing_asked(self) -> None:
        assert vipergpt_accuracy({"1": "dog"}, {}) == {}

    def test_gold_answers_that_can_never_be_met(self, realdata: Path) -> None:
        records = json.loads((realdata / "gqa" / "questions" / "exovip_gqa_test.json").read_text())
        rows = list(records.values()) if isinstance(records, dict) else records
        asked = {str(i): {"answer": row["answer"]} for i, row in enumerate(rows)}
        metric = vipergpt_accuracy({i: record["answer"] for i, record in asked.items()}, asked)
        assert metric["vipergpt_accuracy"] == pytest.approx(100 * (1 - 4 / 2327))


class TestSubmissionFile:
    @given(predictions=st.dictionaries(st.text(), st.text(), max_size=5))
    def test_round_trip(self, tmp_path_factory, predictions: dict[str, str]) -> None:
        path = tmp_path_factory.mktemp("gqa") / "predictions.json"
        write_gqa(path, predictions)
        assert read_gqa(path) == predictions

    def test_official_form(self, tmp_path: Path) -> None:
        path = tmp_path / "predictions.json"
        write_gqa(path, {"07333408": "pipe", "1": None})
        assert json.loads(path.read_text()) == [
            {"questionId": "07333408", "prediction": "pipe"},
            {"questionId": "1", "prediction": ""},
        ]

    @pytest.mark.parametrize(
        "content",
        [
            "",
            '[{"questionId": "1", "predi',
            '{"1": "dog"}',
            '["dog"]',
            '[{"questionId": "1"}]',
            '[{"questionId": 1, "prediction": "dog"}]',
            '[{"questionId": "1", "prediction": null}]',
            '[{"questionId": "1", "prediction": "dog"}, {"questionId": "1", "prediction": "cat"}]',
        ],
    )
    def test_damaged_file(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "predictions.json"
        path.write_text(content)
        with pytest.raises(DatasetError, match=r"predictions\.json.*Expected"):
            read_gqa(path)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r'is missing. Expected .*"questionId": str, "prediction": str'):
            read_gqa(tmp_path / "predictions.json")
