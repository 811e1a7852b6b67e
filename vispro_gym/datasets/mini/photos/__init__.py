"""Drawn photos for all mini data whose pictures are COCO's, and facts about them with programs that find them by looking.

    photos = list(take_photos("vqa-train", 60, first_id=1))
    save_photos(photos, root / "train2017", coco_file_name("train2017"))
    instances = coco_instances(photos, "train2017")
    pool = [question for photo in photos for question in questions(photo, Random(f"questions-{photo.image_id}"))]
    chosen = choose_evenly(pool, 300, Random("balance"), lambda q: q.kind, lambda q: q.answer, per_image=8)

Programs know nothing but what perception says. They are right for every photo whose annotations are those of `coco_instances`,
read as they are: the name of an object is that of its category, its attributes are those of the annotation, and relations follow
from positions.
"""

from vispro_gym.datasets.mini.photos.captions import (
    FOILS,
    Caption,
    Foil,
    Mention,
    OppositePair,
    captions,
    foils,
    opposite_pairs,
)
from vispro_gym.datasets.mini.photos.claims import (
    OPPOSITE,
    Claim,
    Counts,
    Relates,
    Shows,
    Thing,
    all_hold,
    check_expression,
    check_program,
    clearly,
    compare,
    program,
    stands,
)
from vispro_gym.datasets.mini.photos.counting import existence_question
from vispro_gym.datasets.mini.photos.facts import KINDS, choose_evenly, questions
from vispro_gym.datasets.mini.photos.pictures import (
    COLORS,
    Photo,
    PhotoObject,
    coco_category,
    coco_file_name,
    coco_instances,
    save_photos,
    take_photos,
)
from vispro_gym.datasets.mini.photos.placing import Statement, statements
from vispro_gym.datasets.mini.photos.question import Question
from vispro_gym.datasets.mini.photos.references import Reference, category_description, descriptions, expressions
from vispro_gym.datasets.mini.photos.scenery import Absences, Pointed, absent, common_absent, pointed

__all__ = [
    "COLORS",
    "FOILS",
    "KINDS",
    "OPPOSITE",
    "Absences",
    "Caption",
    "Claim",
    "Counts",
    "Foil",
    "Mention",
    "OppositePair",
    "Photo",
    "PhotoObject",
    "Pointed",
    "Question",
    "Reference",
    "Relates",
    "Shows",
    "Statement",
    "Thing",
    "absent",
    "all_hold",
    "captions",
    "category_description",
    "check_expression",
    "check_program",
    "choose_evenly",
    "clearly",
    "coco_category",
    "coco_file_name",
    "coco_instances",
    "common_absent",
    "compare",
    "descriptions",
    "existence_question",
    "expressions",
    "foils",
    "opposite_pairs",
    "pointed",
    "program",
    "questions",
    "save_photos",
    "stands",
    "statements",
    "take_photos",
]
