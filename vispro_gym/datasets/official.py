"""What is publicly known of the official files: how many samples a split has, and size and checksum of some of the files.

Samples are counted as `vispro_gym.datasets` counts them: in the dataset's first form, pictures without annotations included.
Sources are the papers and pages of the datasets; GQA's numbers are those of big_vision, too (`big_vision/datasets/gqa`).

Files are the archives as downloaded, and the annotation files of the datasets that are published as git repositories. Checksums
are taken from

* TensorFlow Datasets, `url_checksums/{clevr,coco,coco_captions}.txt`: CLEVR, COCO, Karpathy's captions;
* ParlAI, `parlai/tasks/vqa_v2/build.py`: VQAv2;
* the repositories themselves, in which every file has the id of its content: NLVR and NLVR2 (lil-lab/nlvr at 18924841), POPE
  (RUCAIBox/POPE at 3df3ba1b), VSR (cambridgeltl/visual-spatial-reasoning at b27a0af0), SugarCrepe (RAIVNLab/sugar-crepe at
  0047054b).

Of the other datasets no checksums are published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_GQA = {"train": 943_000, "val": 132_062, "testdev": 12_578}
_VSR = {"train": 7_680, "dev": 1_097, "test": 2_195}
_SUGARCREPE = {
    "add_att": 692,
    "add_obj": 2_062,
    "replace_att": 788,
    "replace_obj": 1_652,
    "replace_rel": 1_406,
    "swap_att": 666,
    "swap_obj": 245,
}

COUNTS: Mapping[str, Mapping[str, int]] = {
    "GQA": {
        **_GQA,
        **{f"{split}_balanced": count for split, count in _GQA.items()},
        "train_all": 14_305_356,
        "val_all": 2_011_853,
        "testdev_all": 172_174,
    },
    "CLEVR": {"train": 699_989, "val": 149_991},
    "VQAv2": {"train": 443_757, "val": 214_354},
    "OKVQA": {"train": 9_009, "val": 5_046},
    "TallyQA": {"train": 249_318, "test": 38_589},
    "AOKVQA": {"train": 17_056, "val": 1_145},
    "POPE": {"random": 3_000, "popular": 3_000, "adversarial": 3_000},
    "VSR": {
        **_VSR,
        **{f"random_{split}": count for split, count in _VSR.items()},
        "zeroshot_train": 3_489,
        "zeroshot_dev": 340,
        "zeroshot_test": 1_222,
    },
    "NLVR2": {
        "train": 86_373,
        "dev": 6_982,
        "test1": 6_967,
        "test2": 6_970,
        "balanced_dev": 2_300,
        "balanced_test1": 2_316,
        "unbalanced_dev": 3_562,
        "unbalanced_test1": 3_536,
    },
    "NLVR": {"dev": 989, "test": 989, "hidden": 985},
    "RefCOCO": {"train": 120_624, "val": 10_834, "testA": 5_657, "testB": 5_095},
    "RefCOCOplus": {"train": 120_191, "val": 10_758, "testA": 5_726, "testB": 4_889},
    "RefCOCOg": {"train": 80_512, "val": 4_896, "test": 9_602},
    "WinoGround": {"test": 1_600},
    "SugarCREPE": {**_SUGARCREPE, "test": sum(_SUGARCREPE.values())},
    "Flickr30k": {"train": 29_000, "val": 1_014, "test": 1_000},
    "COCOCaptions": {"train": 113_287, "val": 5_000, "test": 5_000},
}
"""Number of samples by dataset and split, as far as it is published."""


@dataclass(frozen=True, slots=True)
class OfficialFile:
    """A file as it was published.

    Attributes:
        path: Where it is in the official layout.
        digest: In hexadecimal digits: 64 are SHA-256, 40 are git's id of the content.
        size: In bytes; None if it is not published.
    """

    path: str
    digest: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """The files of a dataset whose checksums are known, and the folders below the root where they may be."""

    files: tuple[OfficialFile, ...]
    folders: tuple[str, ...] = ("",)


_KARPATHY = OfficialFile("caption_datasets.zip", "4cfd70132527b80933105e5829dc9034eaab9573482e2e680abbab6130244817", 36_745_453)
_COCO = Release(
    (
        OfficialFile("train2017.zip", "69a8bb58ea5f8f99d24875f21416de2e9ded3178e903f1f7603e283b9e06d929", 19_336_861_798),
        OfficialFile("val2017.zip", "4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05", 815_585_330),
        OfficialFile("train2014.zip", "ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775", 13_510_573_713),
        OfficialFile("val2014.zip", "fe9be816052049c34717e077d9e34aa60814a55679f804cd043e3cbee3b9fde0", 6_645_013_297),
        OfficialFile(
            "annotations_trainval2017.zip", "113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268", 252_907_541
        ),
        OfficialFile(
            "annotations_trainval2014.zip", "031296bbc80c45a1d1f76bf9a90ead27e94e99ec629208449507a4917a3bf009", 252_872_794
        ),
    )
)

RELEASES: Mapping[str, Release] = {
    "CLEVR": Release(
        (OfficialFile("CLEVR_v1.0.zip", "5cd61cf1096ed20944df93c9adb31e74d189b8459a94f54ba00090e5c59936d1", 19_021_600_724),)
    ),
    "VQAv2": Release(
        (
            OfficialFile(
                "v2_Questions_Train_mscoco.zip", "05a64b6e2582d06d7585f5429674a9a33851878be1bff9f8668cdcf792df611e", 7_239_401
            ),
            OfficialFile(
                "v2_Questions_Val_mscoco.zip", "e71f6c5c3e97a51d050f28243e262b28cd0c48d11a6b4632d769d30d3f93222a", 3_494_929
            ),
            OfficialFile(
                "v2_Annotations_Train_mscoco.zip", "fb101bcefe91422c543c2bb6d70af11eb3119d0ff745ae283d09acdf66250853", 21_708_861
            ),
            OfficialFile(
                "v2_Annotations_Val_mscoco.zip", "0caae7c8d1dafd852727f5ac046bc1efca9b72026bd6ffa34fc489f3a7b3291e", 10_518_930
            ),
        )
    ),
    "POPE": Release(
        (
            OfficialFile("coco_pope_random.json", "cd2b137f786675decb7442675929885125eeb083", 368_166),
            OfficialFile("coco_pope_popular.json", "eecb09ee9c68becd95e6b18d48433ec68cc261b1", 370_190),
            OfficialFile("coco_pope_adversarial.json", "4eb7fc57596b955756a94bc63d1f967c2afb692a", 370_401),
        ),
        ("coco", "output/coco", ""),
    ),
    "VSR": Release(
        (
            OfficialFile("splits/random/train.jsonl", "7c84f65fa93ff5af4838edf4bd9833f3e5099406", 2_362_151),
            OfficialFile("splits/random/dev.jsonl", "1cc57f714f4b516237da78c098c979d73c10bea2", 338_049),
            OfficialFile("splits/random/test.jsonl", "5d9ee349707b99bbef726d6898cf2f0419923d7d", 674_712),
            OfficialFile("splits/zeroshot/train.jsonl", "9cd9f9c4469f2d3d694b81eff9aa5117e6f54dc1", 1_114_884),
            OfficialFile("splits/zeroshot/dev.jsonl", "f1da567feb3fa56e4be8005b57cffe5cf158b6c2", 107_245),
            OfficialFile("splits/zeroshot/test.jsonl", "ef6a41c54859fa141c25f67de429514c4339fd7f", 380_380),
        ),
        ("", "data"),
    ),
    "NLVR2": Release(
        (
            OfficialFile("data/train.json", "affca2ee36563123e069f92e7c391000952e257c"),
            OfficialFile("data/dev.json", "aac21163e5b59aea2bd5f05254848d7522729bec", 3_762_423),
            OfficialFile("data/test1.json", "bf03ad9226f2d46453a89a92bc13e612bfdf4ea7", 3_780_579),
            OfficialFile("data/test2.json", "78b1a35a816d8b3c6c9cbd2c6a905c929435c026", 3_774_241),
            OfficialFile("data/balanced/balanced_dev.json", "c7d953af7e47cbe9ad9ef31271413be0963f96b3", 1_238_682),
            OfficialFile("data/balanced/balanced_test1.json", "f7b0828f21264dc138c0ae62330c1e8ee1a51a2d", 1_254_328),
            OfficialFile("data/unbalanced/unbalanced_dev.json", "59170ba79a6c3be2cf45252d54fdf95960481ac2", 1_920_942),
            OfficialFile("data/unbalanced/unbalanced_test1.json", "7b47101669708cc9b2ddc2c09c6dfae00845c458", 1_923_637),
        ),
        ("", "nlvr2"),
    ),
    "NLVR": Release(
        (
            OfficialFile("train/train.json", "f61bcfa8c0b0094e9f219cb0994e46775cfba7b5"),
            OfficialFile("dev/dev.json", "e9dd8318fa537aff7e22a57ea968f96f38756564", 813_215),
            OfficialFile("test/test.json", "7cba925b6306b22ef5d374ddffb25dc85f73865d", 811_565),
            OfficialFile("hidden/hidden.json", "2949b5486d8ebf6c52166be9376ef6551b80f641", 815_439),
        ),
        ("", "nlvr"),
    ),
    "COCO": _COCO,
    "SugarCREPE": Release(
        (
            OfficialFile("add_att.json", "71c463725f3f9bae0a9227a01ae5d431db235396", 158_863),
            OfficialFile("add_obj.json", "289b22a04690f6f542bb048346021d768ec9b24d", 484_593),
            OfficialFile("replace_att.json", "6393e04971c06cb62a8fed62ef2805ff6c7c5666", 176_843),
            OfficialFile("replace_obj.json", "1585a4a6998d785c043fb923d8e0248436d9da51", 361_126),
            OfficialFile("replace_rel.json", "8716359e17fa36d37e75c6eff5e94826cdb047e5", 312_629),
            OfficialFile("swap_att.json", "375fdd6d372e22e43c0dfbe898c1ec1494016b8c", 154_665),
            OfficialFile("swap_obj.json", "db5abe6b488fa38c4b67d1d3da87b6b5c2e1e626", 57_569),
        ),
        ("data", ""),
    ),
    "Flickr30k": Release((_KARPATHY,)),
    "COCOCaptions": Release((_KARPATHY, *_COCO.files)),
}
"""By dataset."""


def official_files(name: str, root: Path) -> Iterator[tuple[Path, OfficialFile]]:
    """Those files of a dataset's folder of which it is known what they should be.

    Args:
        name: Dataset name.
        root: Its folder.
    """
    release = RELEASES.get(name, Release(()))
    for file in release.files:
        path = next((path for folder in release.folders if (path := root / folder / file.path).is_file()), None)
        if path is not None:
            yield path, file


def difference(path: Path, file: OfficialFile, checksums: bool = False) -> str | None:
    """How a file differs from the official one; None if it does not.

    Args:
        path: The file.
        file: What it should be.
        checksums: Whether to read all of it, as far as its size is right. Without, only the size is compared.

    Raises:
        OSError: If it cannot be read.
    """
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"{path} has {size} bytes. The official file has {file.size}. Fetch the file again."
    if not checksums:
        return None
    is_git = len(file.digest) == 40
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False) if is_git else hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != file.digest:
        return (
            f"{path} has the {'git id' if is_git else 'SHA-256'} {digest.hexdigest()}. The official file has {file.digest}. "
            "Fetch the file again."
        )
    return None
