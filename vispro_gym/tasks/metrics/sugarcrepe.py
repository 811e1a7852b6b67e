"""SugarCrepe (Hsieh et al., NeurIPS 2023): does the right caption win against its hard negative?

Follows `main_eval.py` of RAIVNLab/sugar-crepe: accuracy of each of seven categories, a tie of scores is wrong. The paper
also averages the categories of each kind of edit.

Two files exist: the results of the script, `{category: accuracy}`, and the choices of a model that was asked, in the form
of the repository's `gpt-4v-results`, one file per category.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.datasets.records import read_json, record_value
from vispro_gym.tasks.metrics.files import finite, write_json

CATEGORIES = ("add_obj", "add_att", "replace_obj", "replace_att", "replace_rel", "swap_obj", "swap_att")
"""The categories, named as the data files and in the order of the official results."""

_EDITS = ("add", "replace", "swap")
_RESULTS = "SugarCrepe results, {category: accuracy}"
_CHOICES = 'SugarCrepe choices, {"0": {"answer": {"free_form_answer", "multiple_choice_answer"}, "caption", ...}}'


@dataclass(frozen=True, slots=True)
class CaptionChoice:
    """What a model chose for one picture.

    Attributes:
        filename: The picture, a COCO val2017 file name.
        caption: The right caption.
        negative_caption: The wrong one.
        chosen: The caption chosen, "" if neither.
        reply: What the model said.
    """

    filename: str
    caption: str
    negative_caption: str
    chosen: str
    reply: str = ""

    @property
    def correct(self) -> bool:
        """Whether the right caption was chosen."""
        return self.chosen == self.caption


def sugarcrepe_metric(hits: Mapping[str, Iterable[bool]]) -> dict[str, float]:
    """Accuracies as fractions: each category, and "macro/add", "macro/replace", "macro/swap".

    The latter average the categories of an edit without weights, and are left out unless all of them are there.

    Args:
        hits: For each category whether each item is right.

    Raises:
        DatasetError: If a category is unknown.
    """
    if unknown := set(hits) - set(CATEGORIES):
        raise DatasetError(f"SugarCrepe has no category {sorted(unknown)[0]!r:.80}. Expected one of: {', '.join(CATEGORIES)}.")
    lists = {category: list(hits[category]) for category in CATEGORIES if category in hits}
    metric = {category: sum(values) / len(values) for category, values in lists.items() if values}
    for edit in _EDITS:
        members = [category for category in CATEGORIES if category.startswith(edit)]
        if all(category in metric for category in members):
            metric[f"macro/{edit}"] = sum(metric[category] for category in members) / len(members)
    return metric


def sugarcrepe_from_scores(scores: Mapping[str, Iterable[tuple[float, float]]]) -> dict[str, float]:
    """`sugarcrepe_metric` of matching scores: right if the first of a pair, the right caption's, is strictly larger."""
    return sugarcrepe_metric({c: [positive > negative for positive, negative in pairs] for c, pairs in scores.items()})


def read_sugarcrepe_results(path: Path | str) -> dict[str, float]:
    """Reads a file of the official script: accuracy by category.

    Raises:
        DatasetError: If the file is missing or damaged.
    """
    content = read_json(Path(path), _RESULTS)
    if not isinstance(content, dict) or not set(content) <= set(CATEGORIES):
        raise DatasetError(f"{path} holds other keys than categories. Expected {_RESULTS}, categories {', '.join(CATEGORIES)}.")
    for category, value in content.items():
        if not 0 <= finite(value, f"{path}, {category!r},") <= 1:
            raise DatasetError(f"{path} has {category!r}: {value!r:.80}. Expected an accuracy from 0 to 1.")
    return content


def write_sugarcrepe_results(path: Path | str, metric: Mapping[str, float]) -> None:
    """Writes the categories of a metric as the official script does."""
    write_json(path, {category: metric[category] for category in CATEGORIES if category in metric}, indent=4)


def read_sugarcrepe_choices(path: Path | str) -> dict[str, CaptionChoice]:
    """Reads a file of choices: by item key what was chosen.

    Raises:
        DatasetError: If the file is missing or damaged, or calls an item correct that is not; names the file and the item.
    """
    content = read_json(Path(path), _CHOICES)
    if not isinstance(content, dict):
        raise DatasetError(f"{path} holds {type(content).__name__}. Expected {_CHOICES}.")
    choices = {}
    for key, record in content.items():
        if key == "accuracy":  # which one of the official files holds beside its items
            continue
        where = f"{path}, item {key!r:.80}"
        answer = record_value(record, "answer", dict, where)
        filename, caption, negative = (record_value(record, k, str, where) for k in ("filename", "caption", "negative_caption"))
        chosen, reply = (record_value(answer, k, str, where) for k in ("multiple_choice_answer", "free_form_answer"))
        choice = CaptionChoice(filename, caption, negative, chosen, reply)
        if record_value(record, "correct", bool, where) is not choice.correct:
            raise DatasetError(
                f"{where} says correct: {record['correct']}. Expected {choice.correct}, as it chose {chosen!r:.80}."
            )
        choices[key] = choice
    return choices


def write_sugarcrepe_choices(path: Path | str, choices: Mapping[str, CaptionChoice]) -> None:
    """Writes a file of choices in the form of `gpt-4v-results`."""
    content = {
        key: {
            "answer": {"free_form_answer": choice.reply, "multiple_choice_answer": choice.chosen},
            "caption": choice.caption,
            "negative_caption": choice.negative_caption,
            "filename": choice.filename,
            "correct": choice.correct,
        }
        for key, choice in choices.items()
    }
    write_json(path, content, indent=4)
