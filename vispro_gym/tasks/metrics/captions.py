"""Caption metrics of the COCO evaluation (Chen et al., "Microsoft COCO captions", 2015), computed by pycocoevalcap.

CIDEr (which is CIDEr-D, see `vispro_gym.rewards.captioning`) and BLEU-1 to BLEU-4. The official script tokenizes with the PTB
tokenizer, which needs Java; here `tokenize` of `vispro_gym.rewards.captioning` takes its place, which gives the same words for
nearly all captions. METEOR and SPICE need Java themselves and are left out.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

from vispro_gym.rewards.captioning import tokenize

Id = TypeVar("Id", bound=Hashable)


def caption_metric(captions: Mapping[Id, str], references: Mapping[Id, Sequence[str]]) -> dict[str, float]:
    """CIDEr, BLEU-1, BLEU-2, BLEU-3 and BLEU-4 over a whole split.

    CIDEr takes its document frequencies from `references`: it depends on which pictures are scored together, and is 0 for one.

    Args:
        captions: The caption of each picture, as it was written.
        references: The references of the same pictures, at least one each, as they were written.

    Returns:
        CIDEr from 0 to 10 (papers print 100 times that), BLEU as fractions.

    Raises:
        ImportError: If pycocoevalcap is missing.
        ValueError: If there are no captions, pictures differ, or a picture has no reference; names it.
    """
    try:
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
    except ImportError as error:
        raise ImportError(
            f'caption metrics need a library that is missing ({error}): pip install "vispro-gym[rewards]"', name=error.name
        ) from error
    if not captions or captions.keys() != references.keys():
        raise ValueError(
            f"{len(captions)} pictures have captions, {len(references)} have references, and "
            f"{len(captions.keys() & references.keys())} have both. Expected the same pictures, at least one."
        )
    for picture, some in references.items():
        if not some or isinstance(some, str):
            raise ValueError(f"picture {picture!r} has the references {some!r:.80}. Expected a list of at least one text.")
    found = {picture: [" ".join(tokenize(caption))] for picture, caption in captions.items()}
    truth = {picture: [" ".join(tokenize(reference)) for reference in some] for picture, some in references.items()}
    with contextlib.redirect_stdout(io.StringIO()):
        cider, _ = Cider().compute_score(truth, found)
        bleu, _ = Bleu(4).compute_score(truth, found, verbose=0)
    return {"CIDEr": float(cider)} | {f"BLEU-{n}": float(value) for n, value in enumerate(bleu, start=1)}
