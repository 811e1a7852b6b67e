"""Networks of the size of a ViT-Ti/16 (TinyCLIP's smallest) with random weights, saved as folders that are read like real ones: what a forward pass costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers as tf

from tests.perception.transformers import tiny_models

SIZE: dict[str, Any] = {"hidden_size": 192, "num_hidden_layers": 12, "num_attention_heads": 3, "intermediate_size": 768}
SIDE = 160  # of the pictures that they see, in pixels
VISION: dict[str, Any] = {**SIZE, "image_size": SIDE, "patch_size": 16}


def _texts(tokenizer: Any) -> dict[str, Any]:
    return {
        **SIZE, "vocab_size": len(tokenizer), "max_position_embeddings": 32, "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip


def owlvit() -> tuple[Any, Any]:
    tokenizer = tiny_models.clip_tokenizer()
    config = tf.OwlViTConfig(text_config=_texts(tokenizer), vision_config=VISION, projection_dim=192)
    images = tf.OwlViTImageProcessorPil(size={"height": SIDE, "width": SIDE}, do_center_crop=False)
    return tf.OwlViTForObjectDetection(config), tf.OwlViTProcessor(images, tokenizer)


def vilt() -> tuple[Any, Any]:
    tokenizer = tiny_models.bert_tokenizer()
    answers = ("yes", "no", "red", "blue", "2", "dog", "cup", "left")
    config = tf.ViltConfig(
        **VISION, vocab_size=len(tokenizer), max_position_embeddings=128, id2label=dict(enumerate(answers)),
        label2id={label: i for i, label in enumerate(answers)},
    )  # fmt: skip
    images = tf.ViltImageProcessorPil(size={"shortest_edge": SIDE}, size_divisor=16)
    return tf.ViltForQuestionAnswering(config), tf.ViltProcessor(images, tokenizer)


def clip() -> tuple[Any, Any]:
    tokenizer = tiny_models.clip_tokenizer()
    config = tf.CLIPConfig(text_config=_texts(tokenizer), vision_config=VISION, projection_dim=192)
    images = tf.CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return tf.CLIPModel(config), tf.CLIPProcessor(images, tokenizer)


def depth_anything() -> tuple[Any, Any]:
    backbone = tf.Dinov2Config(
        hidden_size=192, num_hidden_layers=12, num_attention_heads=3, image_size=154, patch_size=14,
        out_features=["stage3", "stage6", "stage9", "stage12"], apply_layernorm=True, reshape_hidden_states=False,
    )  # fmt: skip
    config = tf.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=192, neck_hidden_sizes=[24, 48, 96, 192], fusion_hidden_size=32,
        head_hidden_size=32,
    )  # fmt: skip
    images = tf.DPTImageProcessorPil(size={"height": 154, "width": 154}, keep_aspect_ratio=True, ensure_multiple_of=14)
    return tf.DepthAnythingForDepthEstimation(config), images


def write_small_models(folder: Path, seed: int) -> dict[str, str]:
    """Writes all four; returns their folders by their names as options of the backend."""
    folders = {}
    for role, build in {"detector": owlvit, "answerer": vilt, "matcher": clip, "depth": depth_anything}.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model, processor = build()
        for part in (model, processor):
            part.save_pretrained(folder / role)
        folders[role] = str(folder / role)
    return folders
