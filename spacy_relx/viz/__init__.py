"""Pictures of relations, of precision-recall curves, and of how reliable scores are; pages of whole corpora."""

from .arcs import arcs_svg
from .curves import CurveLine, curves_png, curves_svg
from .html import render
from .reliability import reliability_svg

__all__ = ["CurveLine", "arcs_svg", "curves_png", "curves_svg", "reliability_svg", "render"]
