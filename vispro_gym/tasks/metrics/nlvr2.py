"""NLVR2 (Suhr et al., ACL 2019) and NLVR (Suhr et al., ACL 2017): accuracy and consistency of true-or-false judgements.

Follows `nlvr2/eval/metrics.py`, `nlvr/metrics_structured_rep.py` and `nlvr/metrics_images.py` of lil-lab/nlvr. All
compare texts without regard to case. Consistency is the fraction of sentences all of whose judgements are right.

Predictions files are lines `identifier,prediction` without a header, "True" or "False" (any case). The scripts refuse
files that lack an example; "None", which no label equals, stands for no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from vispro_gym.datasets.errors import DatasetError
from vispro_gym.tasks.metrics.files import add_once, read_lines

_EXPECTED = "an NLVR predictions file, lines of identifier,prediction"
# each structured representation of NLVR is drawn six times, with its three boxes in every order
_PERMUTATIONS = 6
_WORDS = ("true", "false", "none")

Prediction = str | bool | None
"""A judgement: "True" or "False" in any case, a bool, or None for no answer, which is wrong."""


def nlvr2_metric(predictions: Mapping[str, Prediction], labels: Mapping[str, str]) -> dict[str, float]:
    """Accuracy and consistency of NLVR2, as fractions.

    Missing predictions are wrong. Predictions for other examples are ignored, so that the balanced and unbalanced subsets
    can be scored with the same predictions.

    Args:
        predictions: Judgements by identifier, for example "dev-850-0-0".
        labels: "True" or "False" by identifier, of all examples asked.

    Raises:
        DatasetError: If an identifier is not of the form split-set-pair-sentence.
    """
    return _metric({i: predictions.get(i) for i in labels}, labels, _nlvr2_sentence)


def nlvr_metric(predictions: Mapping[str, Prediction], labels: Mapping[str, str]) -> dict[str, float]:
    """Accuracy (its script says precision) and consistency of NLVR with one judgement per structured representation.

    Args:
        predictions: Judgements by identifier, for example "1572-0".
        labels: "true" or "false" by identifier, of all examples asked.
    """
    return _metric({i: predictions.get(i) for i in labels}, labels, _nlvr_sentence)


def nlvr_images_metric(predictions: Mapping[str, Prediction], labels: Mapping[str, str]) -> dict[str, float]:
    """As `nlvr_metric`, with one judgement per picture, of which each example has six.

    Args:
        predictions: Judgements by file name, for example "dev-1572-0-3.png".
        labels: "true" or "false" by identifier of the example, for example "1572-0".
    """
    pictures = {"-".join(name.split(".")[0].split("-")[1:]): value for name, value in predictions.items()}
    expected = {f"{i}-{k}": label for i, label in labels.items() for k in range(_PERMUTATIONS)}
    return _metric({i: pictures.get(i) for i in expected}, expected, _nlvr_sentence)


def format_nlvr2(metric: Mapping[str, float]) -> str:
    """What NLVR2's script prints, two lines."""
    return f"accuracy={metric['accuracy']}\nconsistency={metric['consistency']}"


def format_nlvr(metric: Mapping[str, float]) -> str:
    """What NLVR's scripts print, two lines."""
    return f"precision={metric['accuracy']}\nconsistency={metric['consistency']}"


def read_nlvr_predictions(path: Path | str) -> dict[str, str | None]:
    """Reads a predictions file of NLVR2 or NLVR: judgements by what stands before the comma.

    Raises:
        DatasetError: If the file is missing or damaged, or judges an example twice; names the file and the line.
    """
    predictions: dict[str, str | None] = {}
    for where, line in read_lines(path, _EXPECTED):
        identifier, comma, prediction = line.partition(",")
        if not comma or prediction.lower() not in _WORDS:
            raise DatasetError(f"{where} is {line!r:.80}. Expected identifier,True or identifier,False.")
        add_once(predictions, identifier, None if prediction.lower() == "none" else prediction, where)
    return predictions


def write_nlvr_predictions(path: Path | str, predictions: Mapping[str, Prediction]) -> None:
    """Writes a predictions file of NLVR2 or NLVR.

    Raises:
        DatasetError: If a prediction is no judgement, or an identifier holds a comma or white space.
    """
    lines = []
    for identifier, prediction in predictions.items():
        if str(prediction).lower() not in _WORDS or identifier.split() != [identifier] or "," in identifier:
            raise DatasetError(
                f"{identifier!r:.80} has the prediction {prediction!r:.80}. Expected an identifier and True or False."
            )
        lines.append(f"{identifier},{str(prediction).capitalize()}\n")
    Path(path).write_text("".join(lines), encoding="utf-8")


def _metric(predictions: Mapping[str, Prediction], labels: Mapping[str, str], sentence: Callable[[str], str]) -> dict[str, float]:
    if not labels:
        return {}
    right = {i: str(predictions[i]).lower() == label.lower() for i, label in labels.items()}
    consistent: dict[str, bool] = {}
    for i, hit in right.items():
        key = sentence(i)
        consistent[key] = consistent.get(key, True) and hit
    return {"accuracy": sum(right.values()) / len(right), "consistency": sum(consistent.values()) / len(consistent)}


def _nlvr2_sentence(identifier: str) -> str:
    """The identifier without the pair of pictures."""
    fields = identifier.split("-")
    if len(fields) != 4:
        raise DatasetError(f"NLVR2 identifier {identifier!r:.80}. Expected split-set-pair-sentence, such as 'dev-850-0-0'.")
    return "-".join((fields[0], fields[1], fields[3]))


def _nlvr_sentence(identifier: str) -> str:
    return identifier.split("-")[0]
