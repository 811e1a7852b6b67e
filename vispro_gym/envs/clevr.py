"""The CLEVR environment."""

from __future__ import annotations

from vispro_gym.envs.visual_program import VisualProgramEnv


class CLEVREnv(VisualProgramEnv):
    """Compositional questions on rendered scenes of cubes, spheres and cylinders.

    ## Description
    CLEVR (Johnson et al., CVPR 2017) asks for attributes, counts, comparisons and chains of spatial relations in
    pictures of simple solids. The policy writes a Python program that answers the question by looking at the picture
    through perception tools; an interpreter runs the program, and the answer is compared with the annotated one.

    ## Action Space
    `UnicodeText`: any string. A program is a function `execute_command(image)` that returns the answer; it may stand
    alone, in a fenced block, or inside prose. `vispro_gym.programs.prompt` describes the program language to a
    language model.

    ## Observation Space
    `Dict` with
    - `image`: `Box(0, 255, (S, S, 3), uint8)`, the picture letterboxed to a square of side S = `image_size`. The
      program sees the original (480x320).
    - `query`: `UnicodeText`, the question.
    - `feedback`: `UnicodeText`, only with `max_attempts` > 1: what became of the last program. It never holds the
      gold answer.

    ## Starting State
    A sample of the split, drawn uniformly; `reset(options={"sample_id": "17"})` chooses one by its question index.

    ## Rewards
    1.0 if the program's answer equals the annotated answer ("yes", "no", a number, a colour, a shape, a size or a
    material), else 0.0. Both sides are normalised alike: True and False are read as "yes" and "no", an integer as its
    digits, a whole float as its integer (3.0 as "3"); texts are stripped and lowered, lose one final full stop, and
    "true" and "false" are read as "yes" and "no". Nothing else is equated: "three" is not "3". A program that fails in
    any way earns 0.0, and so does one that returns a list, a patch or nothing; there is no default answer.

    ## Episode End
    Terminated after the first program, or with `max_attempts` = k after the first right answer or the k-th program.
    Never truncated.

    ## Information
    - `sample_id`: the dataset's own id.
    - `data`: "mini" for the generated data, else "official".

    and after a step, all deterministic:

    - `outcome`: correct, wrong, no_answer, extract_error, syntax_error, rejected, runtime_error, timeout,
      step_limit, memory_limit, call_limit, output_limit or perception_error.
    - `answer`: what the program returned, as text; None if it returned nothing.
    - `error`: `{"type", "message", "line"}` of a program that gave no answer, else `{}`. Lines count from 1; 0 means
      no line.
    - `program`: the program as found in the action; None if there was none.
    - `perception_calls`, `steps`: what the program used.

    ## Arguments
    `gym.make("VisProg-CLEVR-v0", split="val", data_dir="/data/CLEVR_v1.0", images="required", perception="oracle",
    image_size=224, max_attempts=1, isolation=None, timings=False, render_mode=None)`

    - `split`: "train" or "val"; the test split has no answers.
    - `data_dir`: folder with `images/`, `scenes/` and `questions/` (or the one that holds `CLEVR_v1.0/`) as
      downloaded from https://cs.stanford.edu/people/jcjohns/clevr (CC BY 4.0). Without it, drawn mini data is used.
    - `images`: "required" (a missing picture is an error) or "optional" (a blank canvas of the annotated size stands
      in).
    - `perception`: what programs see through: "oracle" answers from the annotations; or a backend of your own.
    - `image_size`: side S of the square image in the observation, in pixels, from 1 to 4096.
    - `max_attempts`: programs that may be tried in one episode.
    - `isolation`: "require" refuses to run programs where the kernel does not confine the process that runs them,
      "best-effort" runs them all the same; None means `VISPRO_ISOLATION`, else "require" on Linux. See
      `vispro-gym doctor`.
    - `timings`: True adds `seconds`, the time that the step took, to the information.
    - `render_mode`: "rgb_array" (the picture with the boxes that the last program looked at), "ansi" (the query, the
      program and its outcome as text) or None.

    ## Version History
    - v0: first version.
    """
