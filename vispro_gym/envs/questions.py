"""Environments of visual question answering."""

from __future__ import annotations

from vispro_gym.envs.page import documented
from vispro_gym.envs.visual_program import VisualProgramEnv


@documented
class GQAEnv(VisualProgramEnv):
    """Compositional questions on photographs of everyday scenes.

    ## Description
    GQA (Hudson and Manning, CVPR 2019) asks compositional questions on photographs: what is on the white wall, is
    the cup left of the book, are both animals dogs. The policy writes a Python program that answers the question by
    looking at the picture through perception tools; an interpreter runs the program, and the answer is compared with
    the annotated one. This is the compositional VQA task of VisReP (Khan et al., CVPR 2024).

    ## Rewards
    1.0 if the program's answer equals the annotated answer, else 0.0. Both sides are normalised alike: True and False
    are read as "yes" and "no", a whole float as its integer (3.0 as "3"); texts are stripped and lowered, lose one
    final full stop, and "true" and "false" are read as "yes" and "no". Nothing else is equated: "cups" is not "cup". A
    program that fails in any way earns 0.0, and so does one that returns a list, a patch or nothing; there is no
    default answer.

    With `num_scenes` = k a program also has to be right on up to k counterfactual scenes: other pictures of the split on which
    the question makes sense, with what the annotated functional program answers there from the scene graph as the target. A
    program that is right here by luck ends as "lucky" and earns 0.0. Scenes are a function of the split and the question;
    their answers differ as far as the split allows. Where no other picture will do, the own one decides.

    With `scorer="official"` texts are compared as they are, as `eval.py` does; so does the metric with any scorer. With
    `scorer="vipergpt"`, for comparisons with papers that use ViperGPT's code, the answer, but not the annotated one, is
    normalised as in VQAv2, the first item of a list is the answer, and an empty list is "no".

    ## Arguments
    - `split`: "train", "val", "testdev" or any other question file of the folder ("train_all" for
      `train_all_questions`). Scene graphs, and with them the oracle, exist for train and val only.
    - `data_dir`: folder with `images/`, `sceneGraphs/` and `questions1.2/` as downloaded; without it, drawn mini data is
      used. `eval/{train,val}_choices.json` adds validity and plausibility to the metric.
    - `num_scenes`: number of counterfactual scenes on which a program has to be right, too; 0 by default.
    """

    dataset_name = "GQA"


@documented
class CLEVREnv(VisualProgramEnv):
    """Compositional questions on rendered scenes of cubes, spheres and cylinders.

    ## Description
    CLEVR (Johnson et al., CVPR 2017) asks for attributes, counts, comparisons and chains of spatial relations in
    pictures of simple solids. The policy writes a Python program that answers the question by looking at the picture
    through perception tools; an interpreter runs the program, and the answer is compared with the annotated one.

    ## Rewards
    1.0 if the program's answer equals the annotated answer ("yes", "no", a number, a colour, a shape, a size or a
    material), else 0.0. Both sides are normalised alike: True and False are read as "yes" and "no", an integer as its
    digits, a whole float as its integer (3.0 as "3"); texts are stripped and lowered, lose one final full stop, and
    "true" and "false" are read as "yes" and "no". Nothing else is equated: "three" is not "3". A program that fails in
    any way earns 0.0, and so does one that returns a list, a patch or nothing; there is no default answer.

    With `num_scenes` = k a program also has to be right on up to k counterfactual scenes: other pictures of the split on which
    the question makes sense, with what the annotated functional program answers there from the annotated scene as the target. A
    program that is right here by luck ends as "lucky" and earns 0.0. Scenes are a function of the split and the question;
    their answers differ as far as the split allows. Where no other picture will do, the own one decides.

    ## Arguments
    - `split`: "train" or "val"; the test split has no answers.
    - `data_dir`: folder with `images/`, `scenes/` and `questions/` (or the one that holds `CLEVR_v1.0/`) as downloaded;
      without it, drawn mini data is used.
    - `num_scenes`: number of counterfactual scenes on which a program has to be right, too; 0 by default.
    """

    dataset_name = "CLEVR"
