"""Pictures of relations; charts of precision and recall, of how reliable scores are, of routes; pages of corpora."""

from .arcs import arcs_svg
from .charts import CurveLine, draw_curves, draw_reliability, draw_routes, picture
from .html import render

__all__ = ["CurveLine", "arcs_svg", "draw_curves", "draw_reliability", "draw_routes", "picture", "render"]
