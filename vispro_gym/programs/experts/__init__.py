"""Expert translators: from a dataset's functional programs to programs of the program language.

They give one correct program per question, as demonstrations to learn from and as an upper bound to compare with.
"""

from __future__ import annotations

from vispro_gym.datasets.sample import Sample
from vispro_gym.programs.experts import clevr, gqa
from vispro_gym.programs.experts.errors import UntranslatableError

__all__ = ["UntranslatableError", "clevr", "gqa", "translate"]


def translate(sample: Sample) -> str:
    """A right program for a sample: its expert program, or else the translation of its functional program.

    Returns:
        Source text of a program that defines `execute_command(image)`.

    Raises:
        UntranslatableError: If the sample has no functional program or it cannot be translated.
    """
    if sample.expert_program is not None:
        return sample.expert_program
    nodes = sample.functional_program
    if not nodes:
        raise UntranslatableError(
            f"Sample {sample.sample_id!r} has neither an expert program nor a functional program. Expected one of GQA or CLEVR, "
            "or a file expert_programs_{split}.json in the dataset's folder."
        )
    if "operation" in nodes[0]:
        return gqa.translate(nodes)
    if "function" in nodes[0] or "type" in nodes[0]:
        return clevr.translate(nodes)
    raise UntranslatableError(
        f"Sample {sample.sample_id!r} has nodes with the keys {sorted(nodes[0])}. Expected those of GQA or CLEVR."
    )
