"""Tiny models with random weights, one of every architecture, saved as folders that are read like real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as tf
from tokenizers.pre_tokenizers import ByteLevel

from vispro_gym.datasets.sample import ImageRef

LABELS = ("yes", "no", "red", "blue", "two", "dog", "cup", "table")
END = "<|endoftext|>"
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMALL: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
VISION: dict[str, Any] = {**SMALL, "image_size": 32, "patch_size": 8}
_WORDS = "a the is are what how many color cup dog table object red blue large wooden on it and of in this there".split()


def bert_tokenizer() -> Any:
    letters = [chr(code) for code in range(33, 127)]
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *_WORDS[1:], *("##" + letter for letter in letters)]
    return tf.BertTokenizer(vocab={name: i for i, name in enumerate(names)})


def clip_tokenizer() -> Any:
    letters = sorted(ByteLevel.alphabet())
    names = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", END]
    return tf.CLIPTokenizer(vocab={name: i for i, name in enumerate(names)}, merges=[], model_max_length=32)


def _byte_tokenizer(*special: str) -> Any:
    names = [*sorted(ByteLevel.alphabet()), END]
    tokenizer = tf.Qwen2Tokenizer(vocab={name: i for i, name in enumerate(names)}, merges=[])
    tokenizer.add_tokens(list(special), special_tokens=True)
    return tokenizer


def _clip_texts(tokenizer: Any) -> dict[str, Any]:
    return {
        **SMALL, "vocab_size": len(tokenizer), "max_position_embeddings": 32, "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id,
    }  # fmt: skip


def dino(config_class: Any = tf.GroundingDinoConfig, model_class: Any = tf.GroundingDinoForObjectDetection) -> tuple[Any, Any]:
    tokenizer = bert_tokenizer()
    config = config_class(
        backbone_config=tf.SwinConfig(
            window_size=7, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], image_size=64,
            out_features=["stage2", "stage3", "stage4"],
        ),
        text_config=tf.BertConfig(**SMALL, vocab_size=len(tokenizer), max_position_embeddings=64),
        d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, num_queries=20,
    )  # fmt: skip
    images = tf.GroundingDinoImageProcessorPil(size={"shortest_edge": 48, "longest_edge": 80})
    return model_class(config), tf.GroundingDinoProcessor(images, tokenizer)


def mm_dino() -> tuple[Any, Any]:
    return dino(tf.MMGroundingDinoConfig, tf.MMGroundingDinoForObjectDetection)


def owlv2() -> tuple[Any, Any]:
    tokenizer = clip_tokenizer()
    config = tf.Owlv2Config(text_config=_clip_texts(tokenizer), vision_config=VISION, projection_dim=16)
    images = tf.Owlv2ImageProcessorPil(size={"height": 32, "width": 32})
    return tf.Owlv2ForObjectDetection(config), tf.Owlv2Processor(images, tokenizer)


def owlvit() -> tuple[Any, Any]:
    tokenizer = clip_tokenizer()
    config = tf.OwlViTConfig(text_config=_clip_texts(tokenizer), vision_config=VISION, projection_dim=16)
    images = tf.OwlViTImageProcessorPil(size={"height": 32, "width": 32}, do_center_crop=False)
    return tf.OwlViTForObjectDetection(config), tf.OwlViTProcessor(images, tokenizer)


def vilt(model_class: Any = tf.ViltForQuestionAnswering, longest: int = -1) -> tuple[Any, Any]:
    tokenizer = bert_tokenizer()
    config = tf.ViltConfig(
        **VISION, vocab_size=len(tokenizer), max_image_length=longest, max_position_embeddings=40,
        id2label=dict(enumerate(LABELS)), label2id={label: i for i, label in enumerate(LABELS)},
    )  # fmt: skip
    images = tf.ViltImageProcessorPil(size={"shortest_edge": 32}, size_divisor=8)
    return model_class(config), tf.ViltProcessor(images, tokenizer)


def _blip_images() -> Any:
    return tf.BlipImageProcessorPil(size={"height": 32, "width": 32})


def _decoder(tokenizer: Any, two_parts: bool) -> dict[str, Any]:
    end = tokenizer.convert_tokens_to_ids(END)
    shared = {"vocab_size": len(tokenizer), "pad_token_id": end, "eos_token_id": end}
    if two_parts:
        return {
            **shared, "model_type": "t5", "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2,
            "decoder_start_token_id": end,
        }  # fmt: skip
    return {
        **shared, "model_type": "opt", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 32,
        "max_position_embeddings": 256, "word_embed_proj_dim": 16, "bos_token_id": end,
    }  # fmt: skip


def blip2(two_parts: bool) -> tuple[Any, Any]:
    tokenizer = _byte_tokenizer()
    processor = tf.Blip2Processor(_blip_images(), tokenizer, num_query_tokens=4)
    config = tf.Blip2Config(
        vision_config=VISION, qformer_config={**SMALL, "vocab_size": 8, "encoder_hidden_size": 16}, num_query_tokens=4,
        text_config=_decoder(tokenizer, two_parts), image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    return tf.Blip2ForConditionalGeneration(config), processor


def instructblip() -> tuple[Any, Any]:
    tokenizer, questions = _byte_tokenizer(), bert_tokenizer()
    processor = tf.InstructBlipProcessor(_blip_images(), tokenizer, questions, num_query_tokens=4)
    config = tf.InstructBlipConfig(
        vision_config=VISION, qformer_config={**SMALL, "vocab_size": len(questions), "encoder_hidden_size": 16},
        text_config=_decoder(tokenizer, True), num_query_tokens=4, image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    return tf.InstructBlipForConditionalGeneration(config), processor


def llava(template: str | None = TEMPLATE) -> tuple[Any, Any]:
    tokenizer = _byte_tokenizer("<|im_start|>", "<|im_end|>", "<image>")
    images = tf.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = tf.LlavaProcessor(
        images, tokenizer, patch_size=8, vision_feature_select_strategy="default", chat_template=template,
        num_additional_image_tokens=1,
    )  # fmt: skip
    config = tf.LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **VISION}, text_config=_llama(tokenizer),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    return tf.LlavaForConditionalGeneration(config), processor


def llava_next() -> tuple[Any, Any]:
    """Cuts pictures into tiles, so that pictures of different sizes have different numbers of tokens."""
    tokenizer = _byte_tokenizer("<|im_start|>", "<|im_end|>", "<image>")
    grids = [[32, 64], [64, 32], [64, 64]]
    images = tf.LlavaNextImageProcessorPil(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=grids
    )
    processor = tf.LlavaNextProcessor(
        images, tokenizer, patch_size=8, vision_feature_select_strategy="default", chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )  # fmt: skip
    config = tf.LlavaNextConfig(
        vision_config={"model_type": "clip_vision_model", **VISION}, text_config=_llama(tokenizer),
        image_grid_pinpoints=grids, image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    return tf.LlavaNextForConditionalGeneration(config), processor


def qwen() -> tuple[Any, tuple[Any, Any]]:
    """Without its processor of videos, which is made from that of pictures when it is read, if torchvision is installed."""
    tokenizer = _byte_tokenizer(
        "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"
    )
    ids = {
        name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("vision_start", "vision_end", "image_pad", "video_pad")
    }
    text = {**_llama(tokenizer), "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}}
    config = tf.Qwen2_5_VLConfig(
        text_config={name: value for name, value in text.items() if name != "model_type"},
        vision_config={
            "depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 16, "patch_size": 14,
            "window_size": 56, "fullatt_block_indexes": [1],
        },
        image_token_id=ids["image_pad"], video_token_id=ids["video_pad"], vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )  # fmt: skip
    tokenizer.chat_template = TEMPLATE.replace("<image>", "<|vision_start|><|image_pad|><|vision_end|>")
    images = tf.Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 28 * 28 * 9})
    return tf.Qwen2_5_VLForConditionalGeneration(config), (images, tokenizer)


def _llama(tokenizer: Any) -> dict[str, Any]:
    end = tokenizer.convert_tokens_to_ids(END)
    return {
        "model_type": "llama", **SMALL, "num_key_value_heads": 2, "vocab_size": len(tokenizer), "pad_token_id": end,
        "eos_token_id": end, "bos_token_id": end,
    }  # fmt: skip


def clip() -> tuple[Any, Any]:
    tokenizer = clip_tokenizer()
    config = tf.CLIPConfig(text_config=_clip_texts(tokenizer), vision_config=VISION, projection_dim=16)
    images = tf.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    return tf.CLIPModel(config), tf.CLIPProcessor(images, tokenizer)


def siglip() -> tuple[Any, Any]:
    tokenizer = clip_tokenizer()
    config = tf.SiglipConfig(text_config={**_clip_texts(tokenizer), "max_position_embeddings": 64}, vision_config=VISION)
    images = tf.SiglipImageProcessorPil(size={"height": 32, "width": 32})
    return tf.SiglipModel(config), tf.SiglipProcessor(images, tokenizer)


def depth_anything(kind: str = "relative") -> tuple[Any, Any]:
    stages = ["stage1", "stage2", "stage3", "stage4"]
    backbone = tf.Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=28, patch_size=14, out_features=stages,
        apply_layernorm=True, reshape_hidden_states=False,
    )  # fmt: skip
    config = tf.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 16, 16], fusion_hidden_size=8,
        head_hidden_size=8, depth_estimation_type=kind, max_depth=20 if kind == "metric" else 1,
    )  # fmt: skip
    images = tf.DPTImageProcessorPil(size={"height": 42, "width": 42}, keep_aspect_ratio=True, ensure_multiple_of=14)
    return tf.DepthAnythingForDepthEstimation(config), images


BUILDERS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "dino": dino,
    "mm_dino": mm_dino,
    "owlv2": owlv2,
    "owlvit": owlvit,
    "vilt": vilt,
    "vilt_few_patches": lambda: vilt(longest=9),
    "vilt_untrained": lambda: vilt(tf.ViltModel),
    "blip2_opt": lambda: blip2(two_parts=False),
    "blip2_t5": lambda: blip2(two_parts=True),
    "instructblip": instructblip,
    "llava": llava,
    "llava_silent": lambda: llava(template=None),
    "llava_next": llava_next,
    "qwen": qwen,
    "clip": clip,
    "siglip": siglip,
    "depth": depth_anything,
    "depth_metric": lambda: depth_anything("metric"),
}


def write(name: str, folder: Path) -> Path:
    """Writes a model; its weights are large enough that pictures and texts make a difference, and its heads are far from 0 and 1."""
    noise = 0.5 if name.startswith(("blip", "instructblip")) else 0.3 if name.startswith("vilt") else 0.15
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, processor = BUILDERS[name]()
        with torch.no_grad():
            for weights in model.parameters():
                if weights.ndim > 1:
                    weights.add_(torch.randn(weights.shape) * noise)
            if hasattr(model, "logit_scale"):
                model.logit_scale.fill_(2.0)
            if name.startswith("owl"):
                for weights in (*model.box_head.parameters(), *model.class_head.parameters()):
                    weights.mul_(0.3)
            if name == "depth":
                model.head.conv3.bias.fill_(1.0)
            if name.endswith("dino"):
                model.model.decoder.layer_norm.weight.mul_(0.2)
    model.save_pretrained(folder)
    for part in processor if isinstance(processor, tuple) else (processor,):
        part.save_pretrained(folder)
    return folder


def picture(seed: int, width: int, height: int) -> ImageRef:
    """Coloured blocks."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (-(-height // 8), -(-width // 8), 3), dtype=np.uint8)
    pixels = np.repeat(np.repeat(blocks, 8, 0), 8, 1)[:height, :width]
    return ImageRef(f"{seed}-{width}-{height}", (width, height), lambda: pixels)
