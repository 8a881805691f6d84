"""The style sheet of pages with a list and a document beside it, after that of all pages."""

from __future__ import annotations

from ._style import style_sheet

_RULES = """
body{margin:0}
.relx-browse{display:flex;flex-direction:column;height:100vh;min-height:30rem}
.relx-browse>header{padding:.8rem 1rem .6rem;border-bottom:1px solid var(--line)}
.relx-browse h1{font-size:1.25rem}
.relx-filters{display:flex;flex-wrap:wrap;gap:.5rem .9rem;align-items:end}
.relx-filters label{display:grid;font-size:.72rem;color:var(--soft);gap:.15rem}
.relx-filters select,.relx-filters input{font:inherit;font-size:.9rem;color:var(--ink);background:var(--card);
border:1px solid var(--line);border-radius:.3rem;padding:.25rem .4rem;max-width:14rem}
.relx-filters input[type=range]{padding:.25rem 0;width:9rem}
.relx-count{margin:0 0 .25rem auto;font-size:.85rem;color:var(--soft);font-variant-numeric:tabular-nums}
.relx-split{flex:1;min-height:0;display:grid;grid-template-columns:minmax(20rem,5fr) minmax(20rem,6fr)}
.relx-list{overflow-y:auto;border-inline-end:1px solid var(--line);background:var(--card)}
.relx-space{position:relative;overflow:hidden}
.relx-row{position:absolute;left:0;right:0;height:46px;display:flex;align-items:center;gap:.5rem;padding:0 .9rem;
border-bottom:1px solid var(--line);color:inherit;text-decoration:none;white-space:nowrap}
.relx-row:hover,.relx-row[aria-current]{background:var(--bar)}
.relx-row:focus-visible{outline:3px solid var(--accent);outline-offset:-3px}
.relx-row>*{overflow:hidden;text-overflow:ellipsis;flex:0 1 auto;min-width:2.5rem}
.relx-row .relx-some{flex:1 1 0;color:var(--soft)}
.relx-row .relx-id{font-weight:600;max-width:9rem}
.relx-row .relx-n{flex:none;min-width:0}
.relx-label{color:var(--accent);font-size:.85rem;font-weight:600}
.relx-detail{overflow-y:auto;padding:1rem 1.2rem}
.relx-detail h2{font-size:1rem;margin:0 0 .5rem;display:flex;gap:.6rem;align-items:baseline;overflow-wrap:anywhere}
.relx-detail .relx-text{padding:0;font-size:1rem;line-height:2}
.relx-evidence{text-decoration:underline;text-decoration-color:var(--accent);text-decoration-thickness:2px;
text-underline-offset:.35em}
.relx .relx-is-head,.relx .relx-is-tail{outline:2.5px solid var(--accent);outline-offset:1px}
.relx .relx-is-tail{outline-style:dashed}
.relx-plain{list-style:none;padding:.8rem 0 0;margin:1rem 0 0;border-top:1px solid var(--line);display:grid;gap:.45rem}
.relx-plain li{display:flex;flex-wrap:wrap;gap:.2rem .8rem;align-items:center}
.relx-plain a{display:flex;flex-wrap:wrap;gap:.2rem .45rem;align-items:center;color:inherit;text-decoration:none;
border-radius:.4rem;padding:.1rem .3rem}
.relx-plain a:hover,.relx-plain a[aria-current]{background:var(--bar)}
.relx-plain .relx-sum{margin:0;font-size:.78rem}
.relx-verdict{flex:none!important;font-size:.7rem;font-weight:700;border-radius:.2rem;padding:.05rem .35rem;
background:var(--bg);color:var(--fg)}
.relx-table{overflow:auto;max-height:42vh;border-bottom:1px solid var(--line);padding:.3rem 1rem .6rem;flex:none}
.relx-table summary{cursor:pointer;font-size:.9rem;font-weight:600}
.relx-table table{border-collapse:collapse;font-size:.78rem;margin-top:.4rem}
.relx-table th{font-weight:500;color:var(--soft);padding:.15rem .4rem;text-align:end;white-space:nowrap;
overflow:hidden;text-overflow:ellipsis;max-width:11rem}
.relx-table tr:first-child th:not(:first-child){writing-mode:vertical-rl;text-orientation:sideways;max-height:8rem;
transform:rotate(180deg);text-align:start;padding:.4rem .15rem}
.relx-table tr:first-child th:first-child{vertical-align:bottom}
.relx-table td{border:1px solid var(--line);padding:0;min-width:2.2rem;height:1.7rem;text-align:center;--part:0%}
.relx-hit{background:color-mix(in srgb,#1a9850 var(--part),transparent)}
.relx-miss{background:color-mix(in srgb,#d6453d var(--part),transparent)}
.relx-table button{all:unset;cursor:pointer;display:block;width:100%;height:100%;line-height:1.7rem;
font-variant-numeric:tabular-nums}
.relx-table button:focus-visible,.relx-table button[aria-pressed]{outline:3px solid var(--accent);outline-offset:-2px}
@media(max-width:48rem){.relx-browse{height:auto}.relx-split{grid-template-columns:1fr}.relx-list{height:50vh}}
"""
#: Verdicts have the colours of types that are green, yellow and red in both light and dark.
_VERDICTS = {"right": 2, "missed": 5, "wrong": 7}


def page_style() -> str:
    """The CSS of `style_sheet` and of the pages."""
    sheet = style_sheet()
    for name, slot in _VERDICTS.items():
        sheet = sheet.replace(f".relx-c{slot}{{", f".relx-c{slot},.relx-{name}{{")
    return sheet + _RULES
