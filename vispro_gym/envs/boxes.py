"""Environments whose answers are places in the picture: detection and grounding."""

from __future__ import annotations

from vispro_gym.envs.page import documented
from vispro_gym.envs.visual_program import VisualProgramEnv


@documented
class OmniLabelEnv(VisualProgramEnv):
    """Detection of whatever fits a description.

    ## Description
    OmniLabel (Schulter et al., ICCV 2023) asks for all objects that a description fits: one, several or none. Descriptions are
    free texts ("the trumpets not in the middle") or names of categories; many that sound likely fit nothing in the picture. The
    program returns the list of their patches. This is the object detection task of VisReP (Khan et al., CVPR 2024).

    ## Rewards
    1.0 if the F1 of the returned boxes reaches the threshold, else 0.0. Boxes are paired with the annotated ones at an IoU of
    at least 0.5, each with one at most. Where nothing fits the description, an empty list is right and nothing else is. A
    patch counts as a list of one; any other answer is wrong, numbers too. At the default threshold one right patch out of
    three that are returned, or of three that are there, earns the reward; `threshold=1.0` asks for all and nothing else. With
    `scorer="official"` boxes are paired in the order of the list, as the official code does, instead of the best pair first. A
    program that fails in any way earns 0.0; there is no default answer.

    ## Arguments
    - `form`: "balanced" asks of each picture for everything that is there and for as much that is not; "all" for its whole label
      space, most of which is not there: the official metric is for that, but a program that returns an empty list would earn most
      of the rewards.
    - `split`: "val", or a part of it: "val_coco", "val_object365", "val_openimagesv5"; or any other `dataset_*.json` of the
      folder. The test splits have no annotations.
    - `data_dir`: folder with `omnilabel_val_v0.1.3/` (or its files; or those of v0.1.4) and the pictures in `coco/`, `object365/`
      and `openimagesv5/`; without it, drawn mini data is used. The oracle needs `annotations/instances_*.json`, COCO instances of
      the pictures by file name, which OmniLabel has not; mini data has them.
    """

    dataset_name = "OmniLabel"
    page = {  # noqa: RUF012
        "query": "the description",
        "sample_id": "image id and description id, as in 8357-3453",
        "filter": '{"type": "object_description"}',
    }


@documented
class COCOEnv(VisualProgramEnv):
    """Detection of all objects of a category.

    ## Description
    COCO (Lin et al., ECCV 2014) annotates all objects of 80 categories in photographs. The query is the name of one of them, and
    the program returns the list of the patches of all such objects. This is also what counting and existence questions rest on.

    ## Rewards
    1.0 if the F1 of the returned boxes reaches the threshold, else 0.0. Boxes are paired with the annotated ones at an IoU of
    at least 0.5, each with one at most; a box in a region that is annotated as a crowd is neither right nor wrong. Where there
    is no such object, an empty list is right and nothing else is. A patch counts as a list of one; any other answer is wrong,
    numbers too. At the default threshold one right patch out of three that are returned, or of three that are there, earns the
    reward; `threshold=1.0` asks for all and nothing else. With `scorer="official"` boxes are paired in the order of the list,
    as COCO's evaluation does, instead of the best pair first. A program that fails in any way earns 0.0; there is no default
    answer.

    ## Arguments
    - `split`: "train" or "val" (those of 2017, or else those of 2014), "val2014" and so on; or any other
      `annotations/instances_*.json` of the folder.
    - `form`: "present" asks for the categories that are annotated in a picture; "balanced" also for as many that are not.
      The metric of a perfect program is a little below 1.0: patches have whole pixels.
    - `data_dir`: folder with `annotations/instances_{train,val}{2017,2014}.json` and the folders of pictures, `train2017/` and so
      on; without it, drawn mini data is used.
    """

    dataset_name = "COCO"
    page = {  # noqa: RUF012
        "query": "the name of a category",
        "sample_id": "image id and category id, as in 139-64",
        "filter": '{"supercategory": "animal"}',
    }


@documented
class RefCOCOEnv(VisualProgramEnv):
    """Expressions that refer to one object of a photograph.

    ## Description
    RefCOCO (Yu et al., ECCV 2016) has people point at an object in words: "the man in the blue shirt on the left". The program
    returns the patch of the object that is meant. Expressions are short and often say where things are in the picture.

    ## Rewards
    1.0 if the IoU of the returned patch with the annotated box reaches the threshold, else 0.0. A list of exactly one patch is
    taken for that patch, but not with `scorer="official"`; any other answer is wrong. A program that fails in any way earns 0.0;
    there is no default answer.

    ## Arguments
    - `split`: "train", "val", "testA" (people) or "testB" (other objects), "test" for both; of the partition "unc", or of another
      one if it is named first: "google_val".
    - `data_dir`: folder with `refcoco/refs(unc).p` and `refcoco/instances.json`, or the folder `refcoco/` itself; without it,
      drawn mini data is used. Pictures are looked for in `images/mscoco/images/train2014/`, `mscoco/train2014/`, `train2014/` and
      in the folder of COCO (`VISPRO_DATA_COCO`).
    """

    dataset_name = "RefCOCO"
    page = {  # noqa: RUF012
        "query": "the expression",
        "sample_id": "the sentence id, as text",
        "filter": '{"category": "person"}',
    }


@documented
class RefCOCOplusEnv(VisualProgramEnv):
    """Expressions that refer to one object of a photograph by what it looks like.

    ## Description
    RefCOCO+ (Yu et al., ECCV 2016) has people point at an object in words, as RefCOCO does, but they must not say where in the
    picture it is: "the man in the blue shirt". The program returns the patch of the object that is meant.

    ## Rewards
    1.0 if the IoU of the returned patch with the annotated box reaches the threshold, else 0.0. A list of exactly one patch is
    taken for that patch, but not with `scorer="official"`; any other answer is wrong. A program that fails in any way earns 0.0;
    there is no default answer.

    ## Arguments
    - `split`: "train", "val", "testA" (people) or "testB" (other objects), "test" for both; of the partition "unc".
    - `data_dir`: folder with `refcoco+/refs(unc).p` and `refcoco+/instances.json`, or the folder `refcoco+/` itself; without it,
      drawn mini data is used. Pictures are looked for in `images/mscoco/images/train2014/`, `mscoco/train2014/`, `train2014/` and
      in the folder of COCO (`VISPRO_DATA_COCO`).
    """

    dataset_name = "RefCOCOplus"
    page = {  # noqa: RUF012
        "query": "the expression",
        "sample_id": "the sentence id, as text",
        "filter": '{"category": "person"}',
    }


@documented
class RefCOCOgEnv(VisualProgramEnv):
    """Longer expressions that refer to one object of a photograph.

    ## Description
    RefCOCOg (Mao et al., CVPR 2016) describes an object so that it cannot be mistaken for others of its category in the picture:
    "a person sitting at a table behind a sandwich wearing a navy hoodie". The program returns the patch of the object that is
    meant.

    ## Rewards
    1.0 if the IoU of the returned patch with the annotated box reaches the threshold, else 0.0. A list of exactly one patch is
    taken for that patch, but not with `scorer="official"`; any other answer is wrong. A program that fails in any way earns 0.0;
    there is no default answer.

    ## Arguments
    - `split`: "train", "val" or "test" of the partition "umd", or of another one if it is named first: "google_val".
    - `data_dir`: folder with `refcocog/refs(umd).p` and `refcocog/instances.json`, or the folder `refcocog/` itself; without it,
      drawn mini data is used. Pictures are looked for in `images/mscoco/images/train2014/`, `mscoco/train2014/`, `train2014/` and
      in the folder of COCO (`VISPRO_DATA_COCO`).
    """

    dataset_name = "RefCOCOg"
    page = {  # noqa: RUF012
        "query": "the expression",
        "sample_id": "the sentence id, as text",
        "filter": '{"category": "person"}',
    }
