"""The splits that papers on visual programs report, under names of their own.

VisReP (Khan et al., CVPR 2024) did not publish its splits; the re-implementation that ViUniT (Panagopoulou et al., CVPR 2025)
ships tells what they are. Where it has a list of ids, pass that file as `ids=` to get exactly its samples; without it, the split
is drawn by the documented rule, the same one always (`vispro_gym.datasets.selection.select_per_type`).

| dataset | split | what it is |
|---|---|---|
| GQA | visrep_train | 10 questions per detailed type of train balanced, none equivalent to another |
| GQA | visrep_test | 5 questions per detailed type of val balanced, none equivalent to another (their list has 502) |
| SugarCREPE | visrep | 80 per type, 560 in all |
| WinoGround | visrep | all 1,600 pairs of caption and picture, asked with yes or no |
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """What a named split stands for.

    Attributes:
        split: The dataset's own split.
        subset: The rule that draws from it, see `vispro_gym.datasets.base.Dataset.restrict`; None for all of it.
        form: The form in which it is asked; None for the dataset's first.
    """

    split: str
    subset: str | None = None
    form: str | None = None


PROTOCOLS: dict[tuple[str, str], Protocol] = {
    ("GQA", "visrep_train"): Protocol("train", "10_per_type"),
    ("GQA", "visrep_test"): Protocol("val", "5_per_type"),
    ("SugarCREPE", "visrep"): Protocol("test", "80_per_type"),
    ("WinoGround", "visrep"): Protocol("test", form="yes_no"),
}
"""By dataset and name of the split."""
