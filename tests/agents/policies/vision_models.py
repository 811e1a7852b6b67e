"""Very small models of pictures and text, of real architectures with random weights, written as folders like those of the hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tests.agents.policies.models import byte_level_tokenizer, sentencepiece_tokenizer
from vispro_agents.policies.language_model import quiet
from vispro_agents.policies.processors import processor_class

SIDE, PATCH = 32, 8

_LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message.role | upper }}: {% for part in message.content %}"
    "{% if part.type == 'image' %}<image>\n{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "{% if message.role == 'assistant' %}</s>{% else %} {% endif %}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)
_QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}{% endfor %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_QWEN_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")

_TEXT: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "initializer_range": 0.3, "max_position_embeddings": 4096,
}  # fmt: skip
_CLIP: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "projection_dim": 32,
    "image_size": SIDE, "patch_size": PATCH, "initializer_range": 0.3,
}  # fmt: skip
_ROPE = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
_QWEN_VISION: dict[str, dict[str, Any]] = {
    "qwen2_vl": {"embed_dim": 32, "hidden_size": 32, "mlp_ratio": 2},
    "qwen2_5_vl": {
        "hidden_size": 32, "out_hidden_size": 32, "intermediate_size": 64, "window_size": 32, "fullatt_block_indexes": [1],
    },
}  # fmt: skip
KINDS = ("llava", "llava_next", "qwen2_vl", "qwen2_5_vl")


def unigram_tokenizer() -> PreTrainedTokenizerFast:
    """A Unigram in the manner of T5 and XLM-R: "▁" for spaces and at the start of a text, white space of a kind; no pad token."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace("\n", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    texts = ['{"thoughts": "The target is larger, so I add 1.", "action": "+"}', '{"cards": [1, 10], "action": "hit"}'] * 4
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=["<s>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False,
        initial_alphabet=list('{}[]":,.+-*/=()0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'),
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def tokenizer_of(family: str, *added: str) -> PreTrainedTokenizerFast:
    """The tokenizer of a family with some more special tokens: "byte-level", "sentencepiece" or "unigram"."""
    if family == "byte-level":
        tokenizer = byte_level_tokenizer(chat=False)
    else:
        tokenizer = sentencepiece_tokenizer() if family == "sentencepiece" else unigram_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": [AddedToken(token, normalized=False) for token in added]})
    return tokenizer


def write(kind: str, folder: Path, *, seed: int = 0, chat: bool = True, family: str | None = None) -> Path:
    """Write a model and its processor.

    Args:
        kind: One of `KINDS`.
        folder: Where to.
        seed: Seed of the weights.
        chat: Whether the processor has a chat template.
        family: Family of the tokenizer, see `tokenizer_of`; None for that of the architecture. Without one's own, no chat.

    Returns:
        The folder.
    """
    is_llava = kind.startswith("llava")
    tokenizer = tokenizer_of(
        family or ("sentencepiece" if is_llava else "byte-level"), *(["<image>"] if is_llava else _QWEN_TOKENS)
    )
    tokenizer.pad_token = tokenizer.eos_token
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in ("<image>", *_QWEN_TOKENS)}
    text = {
        **_TEXT, "vocab_size": len(tokenizer), "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip
    config: Any
    images: Any
    if is_llava:
        config_class = transformers.LlavaConfig if kind == "llava" else transformers.LlavaNextConfig
        pinpoints = {} if kind == "llava" else {"image_grid_pinpoints": [[SIDE, 2 * SIDE], [2 * SIDE, SIDE]]}
        config = config_class(
            vision_config=transformers.CLIPVisionConfig(**_CLIP), text_config=transformers.LlamaConfig(**text),
            image_token_id=ids["<image>"], image_token_index=ids["<image>"], image_seq_length=(SIDE // PATCH) ** 2, **pinpoints,
        )  # fmt: skip
        images_class = transformers.CLIPImageProcessorPil if kind == "llava" else transformers.LlavaNextImageProcessorPil
        images = images_class(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}, **pinpoints)
        options = {"patch_size": PATCH, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    else:
        vision = {"depth": 2, "num_heads": 4, "patch_size": PATCH, "spatial_merge_size": 2, **_QWEN_VISION[kind]}
        config_class = transformers.Qwen2VLConfig if kind == "qwen2_vl" else transformers.Qwen2_5_VLConfig
        config = config_class(
            text_config={**text, "rope_parameters": _ROPE}, vision_config=vision, image_token_id=ids["<|image_pad|>"],
            video_token_id=ids["<|video_pad|>"], vision_start_token_id=ids["<|vision_start|>"],
            vision_end_token_id=ids["<|vision_end|>"],
        )  # fmt: skip
        sizes = {"shortest_edge": SIDE * SIDE, "longest_edge": 2 * SIDE * SIDE}
        images = transformers.Qwen2VLImageProcessorPil(patch_size=PATCH, merge_size=2, temporal_patch_size=2, size=sizes)
        options = {}
    with torch.random.fork_rng(devices=[]), quiet():
        torch.default_generator.manual_seed(seed)
        model = transformers.AutoModelForImageTextToText.from_config(config)
        model.save_pretrained(folder)
        processor = processor_class(kind)(images, tokenizer, **options)
        processor.chat_template = (_LLAVA_TEMPLATE if is_llava else _QWEN_TEMPLATE) if chat else None
        processor.save_pretrained(folder)
    return folder


def written(root: Path) -> Callable[..., Path]:
    """Writes models into a folder when they are first asked for, with the arguments of `write` but for the place."""

    def folder(kind: str, **options: Any) -> Path:
        path = root / "-".join([kind, *(f"{name}_{value}" for name, value in options.items())])
        return path if path.is_dir() else write(kind, path, **options)

    return folder
