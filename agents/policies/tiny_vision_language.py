"""A vision-language model small enough to train from scratch on two cores in minutes: LLaVA's architecture, 0.3 million weights.

The image encoder is CLIP's, the language model Llama's, both two layers deep, with a byte-level BPE vocabulary of its own in
which words and numbers are tokens. Nothing is downloaded, so it shows what reinforcement learning does without pretraining.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, PreTrainedTokenizerFast

from vispro_agents.policies.language_model import quiet
from vispro_agents.policies.processors import processor_class
from vispro_agents.policies.vision_language import ValueHead, VisionLanguagePolicy
from vispro_agents.vision_model import lay_out

IMAGE_SIZE, PATCH_SIZE = 96, 16
_PAD, _EOS, _IMAGE = "<|pad|>", "<|eos|>", "<image>"
# Words with the space before them, numbers, and what stands between.
_PIECES = Regex(r"\d+| ?[A-Za-z]+|(?:(?! [A-Za-z])[^A-Za-z\d])+")


def create_tiny_vision_language(
    texts: Sequence[str], *, seed: int, hidden_size: int = 64, num_layers: int = 2, vocab_size: int = 2048
) -> VisionLanguagePolicy:
    """Build an untrained policy.

    Args:
        texts: Prompts and replies to learn the vocabulary from, at least one. Other texts are spelled in smaller pieces. Replies
            are cut when they get longer than the longest of these by a quarter.
        seed: Seed of the initial weights. The global random state is neither used nor changed.
        hidden_size: Width of both parts; a multiple of 32.
        num_layers: Depth of both parts.
        vocab_size: Upper limit of the vocabulary; at least 259 (all bytes and three special tokens).
    """
    tokenizer = _train_tokenizer(texts, vocab_size)
    heads = hidden_size // 32
    vision = CLIPVisionConfig(
        hidden_size=hidden_size, intermediate_size=4 * hidden_size, num_hidden_layers=num_layers, num_attention_heads=heads,
        image_size=IMAGE_SIZE, patch_size=PATCH_SIZE, projection_dim=hidden_size, dtype="float32",
    )  # fmt: skip
    text = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden_size, intermediate_size=hidden_size * 8 // 3, num_hidden_layers=num_layers,
        num_attention_heads=heads, num_key_value_heads=heads, max_position_embeddings=1024, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, tie_word_embeddings=True,
        initializer_range=0.06,  # Llama's 0.02 suits a width of thousands
        dtype="float32",  # noted once it is loaded
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_id=tokenizer.convert_tokens_to_ids(_IMAGE), vision_feature_layer=-1,
        vision_feature_select_strategy="default", image_seq_length=(IMAGE_SIZE // PATCH_SIZE) ** 2, tie_word_embeddings=True,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]), quiet():
        torch.default_generator.manual_seed(seed)
        model = LlavaForConditionalGeneration(config)
        embeddings = model.model.vision_tower.embeddings
        lay_out(embeddings.position_embedding.weight[None], IMAGE_SIZE // PATCH_SIZE)
        processor = _make_processor(tokenizer)
    longest = max(len(tokenizer(text)["input_ids"]) for text in texts)
    return VisionLanguagePolicy(
        model.eval(), processor, name="tiny", value_head=ValueHead(hidden_size, seed), max_new_tokens=longest * 5 // 4 + 1,
        batch_size=128, short=True,
    )  # fmt: skip


def _make_processor(tokenizer: PreTrainedTokenizerFast) -> Any:
    from transformers import CLIPImageProcessor

    side = {"height": IMAGE_SIZE, "width": IMAGE_SIZE}
    images = CLIPImageProcessor(
        size=side, crop_size=side, do_center_crop=False, image_mean=[0.5] * 3, image_std=[0.5] * 3, do_convert_rgb=False
    )
    return processor_class("llava")(
        images, tokenizer, patch_size=PATCH_SIZE, vision_feature_select_strategy="default", image_token=_IMAGE,
        num_additional_image_tokens=1,
    )  # fmt: skip


def _train_tokenizer(texts: Sequence[str], vocab_size: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_PIECES, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[_PAD, _EOS, _IMAGE],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=_PAD, eos_token=_EOS, extra_special_tokens={"image_token": _IMAGE},
        padding_side="left", clean_up_tokenization_spaces=False,
    )  # fmt: skip
