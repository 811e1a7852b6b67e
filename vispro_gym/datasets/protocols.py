"""The splits that papers on visual programs report, under names of their own.

VisReP (Khan et al., CVPR 2024) did not publish its splits; the re-implementation that ViUniT (Panagopoulou et al., CVPR 2025)
ships tells what they are. Where it has a list of ids, pass that file as `ids=` to get exactly its samples; without it, the split
is drawn by the documented rule, the same one always (`vispro_gym.datasets.selection.select_per_type`).

| dataset | split | what it is |
|---|---|---|
| GQA | visrep_train | 10 questions per detailed type of train balanced, none equivalent to another |
| GQA | visrep_test | 5 questions per detailed type of val balanced, none equivalent to another (their list has 502) |
| SugarCREPE | visrep | 80 per type, 560 in all; in the form "yes_no" 40 right and 40 wrong captions of each type |
| WinoGround | visrep | all 1,600 pairs of caption and picture, asked with yes or no |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Protocol:
    """What a named split stands for.

    Attributes:
        split: The dataset's own split.
        subset: The rule that draws from it, by form ("" for the others), see `vispro_gym.datasets.base.Dataset.restrict`; all
            of it if there is none.
        form: The form in which it is asked; None for the dataset's first.
    """

    split: str
    subset: Mapping[str, str] = field(default_factory=dict)
    form: str | None = None


PROTOCOLS: dict[tuple[str, str], Protocol] = {
    ("GQA", "visrep_train"): Protocol("train", {"": "10_per_type"}),
    ("GQA", "visrep_test"): Protocol("val", {"": "5_per_type"}),
    ("SugarCREPE", "visrep"): Protocol("test", {"": "80_per_type", "yes_no": "40_per_type"}),
    ("WinoGround", "visrep"): Protocol("test", form="yes_no"),
}
"""By dataset and name of the split."""
