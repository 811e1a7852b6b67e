"""Very small language models of real architectures with random weights, written as folders, as `from_pretrained` reads them.

Their weights are larger than those of untrained models usually are: those repeat one token, which would test little.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from vispro_agents.policies.language_model import quiet
from vispro_gym.programs.prompt import build_prompt

PROGRAM = (
    "def execute_command(image):\n    image_patch = ImagePatch(image)\n"
    '    cups = image_patch.find("cup")\n    return bool_to_yesno(len(cups) > 0)\n'
)
_TEXTS = [PROGRAM, build_prompt("Is there a cup?", "Return yes or no.")] * 4

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_SIZES: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "initializer_range": 0.3, "max_position_embeddings": 4096,
}  # fmt: skip
_GPT2_SIZES: dict[str, Any] = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 4096, "initializer_range": 0.3}
_WINDOW = {"sliding_window": 24, "layer_types": ["sliding_attention", "full_attention"], "head_dim": 8}

# Kind -> configuration, its options, whether the tokenizer is CodeLlama's sort (else GPT-2's).
_KINDS: dict[str, tuple[str, dict[str, Any], bool]] = {
    "llama": ("LlamaConfig", _SIZES, True),
    "qwen2": ("Qwen2Config", _SIZES, False),
    "qwen3": ("Qwen3Config", {**_SIZES, "head_dim": 8}, False),
    "gpt2": ("GPT2Config", _GPT2_SIZES, False),
    "gemma3": ("Gemma3TextConfig", {**_SIZES, **_WINDOW, "query_pre_attn_scalar": 8}, False),
}
KINDS = tuple(_KINDS)


def byte_level_tokenizer(*, chat: bool) -> PreTrainedTokenizerFast:
    """A byte-level BPE of 700 tokens in the manner of Qwen2 and GPT-2, with a chat template or without; no pad token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        _TEXTS, trainers.BpeTrainer(vocab_size=700, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>")
    if chat:
        fast.chat_template = CHAT_TEMPLATE
    return fast


def sentencepiece_tokenizer() -> PreTrainedTokenizerFast:
    """A BPE in the manner of Llama 2 and CodeLlama: "▁" at the start of a text, bytes as a last resort, BOS before it; no pad token."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    # Learned line by line: a line break is the byte <0x0A>, as there.
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    lines = [line for text in _TEXTS for line in text.splitlines()]
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=700, special_tokens=special, show_progress=False))
    # Bytes are ordinary tokens: made special for the training alone.
    settings = json.loads(tokenizer.to_str())
    settings["added_tokens"] = settings["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(settings))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def write(kind: str, folder: Path, *, chat: bool = False, seed: int = 0) -> Path:
    """Write a model and its tokenizer.

    Args:
        kind: One of `KINDS`.
        folder: Where to.
        chat: Whether the tokenizer has a chat template. Not for "llama".
        seed: Seed of the weights.

    Returns:
        The folder.
    """
    config_class, options, sentencepiece = _KINDS[kind]
    tokenizer = sentencepiece_tokenizer() if sentencepiece else byte_level_tokenizer(chat=chat)
    config = getattr(transformers, config_class)(
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,
        **options,
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_config(config)
    with quiet():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder
