"""Pictures of relations, and of precision-recall curves."""

from .curves import CurveLine, curves_png, curves_svg
from .html import render

__all__ = ["CurveLine", "curves_png", "curves_svg", "render"]
