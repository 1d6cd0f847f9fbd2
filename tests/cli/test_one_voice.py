"""The same option has the same names, heading and default wherever it stands."""

from scripts.dev.one_voice import MEANT, differences, list_options


def test_an_option_is_the_same_in_every_command_or_said_why_not() -> None:
    found = differences(list(list_options()))
    assert {name: found[name] for name in found.keys() - MEANT.keys()} == {}


def test_nothing_is_excused_that_is_the_same() -> None:
    assert MEANT.keys() - differences(list(list_options())).keys() == set()


def test_values_are_called_by_what_is_given() -> None:
    from faceswap_cli.cli.command import help_sections
    from scripts.dev.one_voice import all_commands

    for path, command, ctx in all_commands():
        records = [name for section in help_sections(command, ctx).values() for name, _ in section]
        assert not [name for name in records if " range>" in name or "<list" in name or "<str>" in name], path
