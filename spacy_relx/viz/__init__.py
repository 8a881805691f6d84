"""Pictures of relations, of precision-recall curves, and of how reliable scores are."""

from .curves import CurveLine, curves_png, curves_svg
from .html import render
from .reliability import reliability_svg

__all__ = ["CurveLine", "curves_png", "curves_svg", "reliability_svg", "render"]
