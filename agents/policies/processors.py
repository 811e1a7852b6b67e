"""Processors: what makes a model's arguments of pictures and texts. They are read without torchvision."""

from __future__ import annotations

from typing import Any

from vispro_agents.policies.transformers import telling


def read_processor(source: str, model_type: str) -> Any:
    """Read the processor of a model by hub id or folder, for pictures and text.

    Its part for videos is left out, which would ask for torchvision.

    Raises:
        UsageError: If there is none.
    """
    with telling("processor", source):
        processor = processor_class(model_type).from_pretrained(source)
    for key in ("is_local", "local_files_only", "model_specific_special_tokens"):  # how it was read would be saved with it
        processor.tokenizer.init_kwargs.pop(key, None)
    return processor


def processor_class(model_type: str) -> Any:
    """The class of a model type's processor, without its part for videos."""
    import transformers
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    whole = getattr(transformers, PROCESSOR_MAPPING_NAMES[model_type])
    kept = [name for name in whole.get_attributes() if "video" not in name]
    return type(whole.__name__, (whole,), {"get_attributes": classmethod(lambda cls: kept)})
