"""GQA's official metric, its printout and its submission file; and the score that papers after ViperGPT report.

`gqa_metric` follows the dataset's `eval.py` (https://cs.stanford.edu/people/dorarad/gqa/evaluate.html): an answer is right
if it equals the gold text, with no normalisation at all. Of the official figures only grounding is missing, which is for
models with attention maps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.records import record_list, record_value
from vispro_gym.tasks.metrics.results_file import ResultsFormat, prediction_text
from vispro_gym.tasks.metrics.soft_vqa import normalise_vqa

_RESULTS = ResultsFormat("questionId", str, "prediction", str)

_HEADLINES = ("accuracy", "binary", "open", "consistency", "validity", "plausibility", "distribution")
_PRINTED = ("binary", "open", "accuracy", "consistency", "validity", "plausibility", "distribution")
_TABLES = {"structural": "structural type", "semantic": "semantic type", "steps": "steps number", "words": "words number"}
# Steps that ask rather than reason: they do not count as steps.
_ASKING = ("exist", "query: name", "choose name")
_COMMON = ("color", "material", "shape")


def gqa_metric(
    predictions: Mapping[str, str | None],
    questions: Mapping[str, Mapping[str, Any]],
    choices: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
) -> dict[str, float]:
    """Official metric of GQA.

    Questions that are not balanced (`isBalanced` false, as in the "all" files) count for consistency only.

    Args:
        predictions: Raw texts by question id; None, or no entry, counts as wrong.
        questions: Official records by question id, of all questions asked. Only "question" and "answer" must be there;
            a figure is computed over the records that have what it needs, and a record without "isBalanced" counts as
            balanced.
        choices: The official choices, `{"valid": [...], "plausible": [...]}` by question id.

    Returns:
        All in percent but distribution, a group without questions left out:

        * "accuracy"; "open" over questions of structural type "query", "binary" over all others;
        * "consistency": over right answers that entail further questions, how many of those are right. Entailed
          questions that were not asked are skipped (the official script demands that all are);
        * "validity" and "plausibility", with `choices` only: whether the answer is one of the question's choices;
        * "distribution": chi-square statistic between predicted and gold answers, by global group; lower is better;
        * "structural/{type}", "semantic/{type}", "steps/{number}", "words/{number}": accuracy by group, and its number
          of questions as "structural_count/{type}" and so on.

    Raises:
        DatasetError: If a record, a choice or a prediction is not of the official form.
    """
    scores: dict[str, list[float]] = {}
    gold_counts: dict[str, Counter[str]] = {}
    predicted_counts: dict[str, Counter[str | None]] = {}
    for question_id, record, where in _balanced(questions):
        gold = record_value(record, "answer", str, where)
        prediction = prediction_text(predictions, question_id)
        right = prediction == gold
        for group in _groups(record, where):
            scores.setdefault(group, []).append(float(right))
        if choices is not None:
            for kind, figure in (("valid", "validity"), ("plausible", "plausibility")):
                among = _choices(choices, question_id, kind, record)
                scores.setdefault(figure, []).append(float(prediction in among))
        entailed = record_list(record, "entailed", str, where) if "entailed" in record else []
        entailed = [i for i in entailed if i != question_id and i in questions]
        if right and entailed:
            agreeing = [
                float(prediction_text(predictions, i) == record_value(questions[i], "answer", str, f"GQA question {i}"))
                for i in entailed
            ]
            scores.setdefault("consistency", []).append(sum(agreeing) / len(agreeing))
        groups = record_value(record, "groups", dict, where) if "groups" in record else {}
        if groups.get("global") is not None:
            global_group = record_value(groups, "global", str, f"{where}, groups")
            gold_counts.setdefault(global_group, Counter())[gold] += 1
            predicted_counts.setdefault(global_group, Counter())[prediction] += 1
    figures = {name: sum(values) / len(values) * 100 for name, values in scores.items()}
    if gold_counts:
        figures["distribution"] = _chi_square(gold_counts, predicted_counts) / 100
    metric = {name: figures[name] for name in _HEADLINES if name in figures}
    for table in _TABLES:
        for group in _table_groups(figures, table):
            metric[f"{table}/{group}"] = figures[f"{table}/{group}"]
            metric[f"{table}_count/{group}"] = float(len(scores[f"{table}/{group}"]))
    return metric


def format_gqa(metric: Mapping[str, float]) -> str:
    """What the official script prints for a metric, digit for digit.

    Consistency, validity, plausibility and distribution are printed if they were computed.

    Args:
        metric: What `gqa_metric` returned.
    """
    lines = []
    for name in _PRINTED:
        if name in metric or name in ("binary", "open", "accuracy"):
            suffix = " (lower is better)" if name == "distribution" else "%"
            lines.append(f"{name.capitalize()}: {metric.get(name, 0.0):.2f}{suffix}")
    for table, title in _TABLES.items():
        lines += ["", f"Accuracy / {title}:"]
        for group in _table_groups(metric, table):
            accuracy, count = metric[f"{table}/{group}"], metric[f"{table}_count/{group}"]
            lines.append(f"  {group}: {accuracy:.2f}% ({count:.0f} questions)")
    return "\n".join(lines) + "\n"


def vipergpt_accuracy(predictions: Mapping[str, Any], questions: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Accuracy as ViperGPT and the papers that build on its code report it. For comparison with those only.

    The prediction, but not the gold answer, is normalised as VQAv2 does, after `vipergpt_text`. Two consequences: a
    program that crashed or returned nothing has answered "no", which is right on many questions; and a gold answer that
    normalisation changes ("t-shirt", "taking a photo") can never be met.

    Args:
        predictions: What programs returned, of any type, by question id; None, or no entry, for a crash.
        questions: Official records by question id, of all questions asked; the balanced ones count.

    Returns:
        "vipergpt_accuracy" in percent; empty if nothing was asked.

    Raises:
        DatasetError: If a record is not of the official form.
    """
    hits = [
        normalise_vqa(vipergpt_text(predictions.get(question_id))) == record_value(record, "answer", str, where)
        for question_id, record, where in _balanced(questions)
    ]
    return {"vipergpt_accuracy": 100.0 * sum(hits) / len(hits)} if hits else {}


def vipergpt_text(answer: Any) -> str:
    """What ViperGPT's scorer reads an answer as, before normalisation.

    Of a list its first item, an empty list and None are "no", booleans and the texts "true" and "false" are "yes" and
    "no", anything else is its text; on one line, stripped, lower case. Source: `general_postprocessing` of
    cvlab-columbia/viper, `datasets/__init__.py`.
    """
    if isinstance(answer, list):
        answer = answer[0] if answer else None
    kind = type(answer)
    if (kind.__module__, kind.__name__) == ("torch", "Tensor") and answer.numel() == 1:  # told by name: torch may not be there
        answer = answer.item()
    text = "no" if answer is None else str(answer)
    text = text.replace("\n", " ").replace("\t", " ").strip().lower()
    return {"true": "yes", "false": "no"}.get(text, text)


def write_gqa(path: Path | str, predictions: Mapping[str, str | None]) -> None:
    """Writes an official submission file, `[{"questionId": str, "prediction": str}, ...]`.

    The official script wants a prediction for each question, so that no answer (None) is written as an empty text.

    Raises:
        DatasetError: If a prediction is neither text nor None.
    """
    _RESULTS.write(path, ((question_id, prediction_text(predictions, question_id) or "") for question_id in predictions))


def read_gqa(path: Path | str) -> dict[str, str]:
    """Predictions of an official submission file by question id.

    Raises:
        DatasetError: If the file is missing or damaged, has another form, or answers a question twice.
    """
    return _RESULTS.read(path)


def _balanced(questions: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The balanced records with their ids and their names in messages."""
    for question_id, record in questions.items():
        where = f"GQA question {question_id}"
        if not isinstance(record, dict):
            raise DatasetError(f"{where} is of type {type(record).__name__}. Expected an official record.")
        if "isBalanced" not in record or record_value(record, "isBalanced", bool, where):
            yield question_id, record, where


def _groups(record: dict[str, Any], where: str) -> Iterator[str]:
    """The groups whose accuracy a question counts for."""
    yield "accuracy"
    yield f"words/{len(record_value(record, 'question', str, where).split())}"
    if "semantic" in record:
        steps = [f"{step.get('operation')}: {step.get('argument')}" for step in record_list(record, "semantic", dict, where)]
        yield f"steps/{sum(not any(asking in step for asking in _ASKING) for step in steps)}"
    if "types" in record:
        types = record_value(record, "types", dict, where)
        structural = record_value(types, "structural", str, f"{where}, types")
        yield f"structural/{structural}"
        yield "open" if structural == "query" else "binary"
        yield f"semantic/{record_value(types, 'semantic', str, f'{where}, types')}"


def _choices(choices: Mapping[str, Any], question_id: str, kind: str, record: dict[str, Any]) -> Sequence[str]:
    among: Sequence[str] = record_value(choices.get(question_id), kind, list, f"GQA choices of question {question_id}")
    # "What do both things have in common?" is answered with the name of a category, which the choices do not list
    if "Common" in str(record.get("types", {}).get("detailed")):
        return _COMMON
    return among


def _chi_square(gold: Mapping[str, Counter[str]], predicted: Mapping[str, Counter[str | None]]) -> float:
    """Chi-square statistic of predicted against gold counts per group, averaged with the groups' sizes as weights."""
    weighted = total = 0.0
    for group, expected in gold.items():
        statistic = sum((predicted[group][answer] - count) ** 2 / count for answer, count in expected.items())
        weighted += statistic * expected.total()
        total += expected.total()
    return weighted / total


def _table_groups(figures: Mapping[str, float], table: str) -> list[str]:
    """Names of a table's groups in the order of the official printout: numbers by size, words by alphabet."""
    groups = [name.removeprefix(f"{table}/") for name in figures if name.startswith(f"{table}/")]
    return sorted(groups, key=lambda group: (int(group) if group.isdecimal() else -1, group))
