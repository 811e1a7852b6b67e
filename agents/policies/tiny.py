"""A causal language model small enough to train from scratch on two cores in minutes.

The model is a Llama of about 0.7 million parameters with its own byte-level BPE vocabulary. Nothing is downloaded, so it shows
what self-training does without any pretrained knowledge of Python or of pictures. It reads the query as a comment line
and writes the program, then the end-of-sequence token.

Before BPE sees a text it is split into words, without their plural "s", and what stands between them. So "cup" is the same
token in a query, between quotes and in the variable `cups`: a model this small learns to copy nouns only if copying is copying
of tokens. Names of the program language and Python's keywords are not words but belong to what stands between, which BPE may
merge: the whole first line of a program is one token, and programs are short.
"""

from __future__ import annotations

import keyword
from collections.abc import Sequence

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from vispro_agents.policies.language_model import LanguageModelPolicy
from vispro_gym.programs.api import API, ENTRY_POINT

_PAD, _EOS = "<|pad|>", "<|eos|>"
_LANGUAGE = sorted(
    {ENTRY_POINT, *(member.name for member in API), *keyword.kwlist}.union(
        "ImagePatch image image_patch any all abs len max min next key".split()
    )
)
_NAMES = "|".join(_LANGUAGE)
_PIECES = Regex(rf"(?:[^A-Za-z]|\b(?:{_NAMES})\b)+|[A-Za-z]{{3,}}(?=s(?![A-Za-z]))|[A-Za-z]+")
# The same, but a word holds the space before it, and a variable its number.
_SPACED_PIECES = Regex(rf"(?: ?\b(?:{_NAMES})\b|(?! [A-Za-z])[^A-Za-z])+| ?[A-Za-z]{{3,}}(?=s(?![A-Za-z]))| ?[A-Za-z]+[0-9]*")


def create_tiny(
    texts: Sequence[str],
    programs: Sequence[str],
    *,
    seed: int,
    vocab_size: int = 2048,
    hidden_size: int = 128,
    num_layers: int = 3,
    spaced_words: bool = False,
) -> LanguageModelPolicy:
    """Build an untrained policy, whose prompts are the query alone.

    Args:
        texts: Queries and names to learn the vocabulary from. Whatever is not in them is spelled in smaller pieces, so any
            query can be read and any program written.
        programs: Examples of programs, at least one: the vocabulary is learned from them, too, and programs are cut when
            they get longer than the longest of them by a quarter.
        seed: Seed of the initial weights. The global random state is neither used nor changed.
        vocab_size: Upper limit of the vocabulary; at least 258 (all bytes and two special tokens).
        hidden_size: Width of the model; a multiple of 32.
        num_layers: Depth of the model.
        spaced_words: Whether words are tokens together with the space before them. Texts have a quarter fewer tokens, but a
            word is another token at the beginning of a string than elsewhere, which pays if there are few words.
    """
    tokenizer = _train_tokenizer([*texts, *programs], vocab_size, spaced_words)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=hidden_size * 8 // 3,
        num_hidden_layers=num_layers,
        num_attention_heads=hidden_size // 32,
        num_key_value_heads=hidden_size // 32,
        max_position_embeddings=1024,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
        # Llama's 0.02 suits a width of thousands.
        initializer_range=0.06,
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = LlamaForCausalLM(config)
    return LanguageModelPolicy(
        model,
        tokenizer,
        name="tiny",
        style="comment",
        training_style="comment",
        max_new_tokens=max(len(tokenizer(program)["input_ids"]) for program in programs) * 5 // 4 + 1,
        batch_size=256,
    )


def _train_tokenizer(texts: Sequence[str], vocab_size: int, spaced_words: bool) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(_SPACED_PIECES if spaced_words else _PIECES, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=4,
        special_tokens=[_PAD, _EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=_PAD,
        eos_token=_EOS,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )
