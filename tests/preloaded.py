"""What processes of tests have loaded before they begin, see `tests.python`. It starts no thread."""

import faceswap_cli.cli.convert
import faceswap_cli.cli.live
import faceswap_cli.cli.train
import faceswap_cli.faces.face_analyser
import faceswap_cli.faces.sets.extract
import faceswap_cli.pipeline.convert_video
import faceswap_cli.training.families.shared
import faceswap_cli.training.objectives.swap
import faceswap_cli.training.runs.folder  # noqa: F401
