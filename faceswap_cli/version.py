"""The version, in one place: the package, the wheel and what is written into files take it from here."""

__version__ = "0.2.0"
