"""The style sheet of the pages. All rules are under `.relx`, so that a fragment leaves the page around it alone."""

from __future__ import annotations

from .palette import COLOURS

_LIGHT = "--page:#f6f7f9;--card:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d5dae1;--accent:#0b5cad;--bar:#e3e8ee;"
_DARK = "--page:#0f1318;--card:#181d24;--ink:#e8ebef;--soft:#a3acb8;--line:#343c47;--accent:#7cb8f7;--bar:#2b323c;"

# A type stays on the line of its mention's last word: it is inline, where a line breaks at blanks only, and a word
# joiner keeps scripts that break anywhere from breaking before it.
_RULES = """
.relx{color:var(--ink);background:var(--page);line-height:1.5;font-family:system-ui,-apple-system,"Segoe UI",Roboto,
"Noto Sans","Noto Sans CJK SC","PingFang SC","Hiragino Sans","Microsoft YaHei","Noto Sans Arabic",sans-serif}
.relx *{box-sizing:border-box}
.relx-main{max-width:62rem;margin:0 auto;padding:2rem 1rem}
.relx h1{font-size:1.6rem;line-height:1.2;margin:0 0 .25rem}
.relx-sum{color:var(--soft);margin:0 0 1rem}
.relx-legend{display:flex;flex-wrap:wrap;gap:.4rem;list-style:none;padding:0;margin:0 0 1.5rem}
.relx-card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;margin:0 0 1.25rem;overflow:hidden}
.relx-head{display:flex;gap:.75rem;align-items:baseline;padding:.55rem 1.1rem;border-bottom:1px solid var(--line)}
.relx-head h2{font-size:.9rem;font-weight:600;margin:0;overflow-wrap:anywhere}
.relx-lang{font-size:.75rem;color:var(--soft);border:1px solid var(--line);border-radius:1rem;padding:0 .55rem}
.relx-n{margin-inline-start:auto;font-size:.8rem;color:var(--soft);white-space:nowrap}
.relx-text{padding:1rem 1.1rem;margin:0;font-size:1.05rem;line-height:2.3;white-space:pre-wrap;overflow-wrap:anywhere}
.relx mark,.relx-chip{background:var(--bg);color:var(--fg);border-radius:.3rem}
.relx mark{padding:.14em .3em;box-decoration-break:clone;-webkit-box-decoration-break:clone;
box-shadow:inset 0 0 0 1px var(--fg)}
.relx mark mark{padding-block:0}
.relx-type{font-size:.64rem;font-weight:700;letter-spacing:.02em;line-height:1.35;
background:var(--fg);color:var(--bg);border-radius:.2rem;padding:0 .3rem;margin-inline-start:.35em;
vertical-align:middle;white-space:nowrap;user-select:none}
.relx-type::before{content:"\\2060"}
.relx mark:target{outline:3px solid var(--accent);outline-offset:2px}
.relx-chip{padding:.12rem .5rem;font-size:.92rem;text-decoration:none;overflow-wrap:anywhere}
a.relx-chip:hover{text-decoration:underline}
a.relx-chip:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.relx-rels{list-style:none;margin:0;padding:.75rem 1.1rem;border-top:1px solid var(--line);display:grid;gap:.55rem}
.relx-rel{display:grid;grid-template-columns:minmax(0,2fr) minmax(9rem,2fr) minmax(0,2fr) 5.5rem;gap:.7rem;
align-items:center}
.relx-from{text-align:end}
.relx-arrow{position:relative;display:flex;flex-direction:column;align-items:stretch;text-align:center;
font-size:.82rem;font-weight:600;color:var(--accent);overflow-wrap:anywhere;line-height:1.25}
.relx-arrow svg{width:100%;height:.6rem;display:block}
.relx [dir=rtl] .relx-arrow svg{transform:scaleX(-1)}
.relx-score{display:flex;align-items:center;gap:.4rem;font-size:.78rem;color:var(--soft);
font-variant-numeric:tabular-nums}
.relx-score i{flex:1;height:.35rem;border-radius:1rem;background:var(--bar);overflow:hidden}
.relx-score b{display:block;height:100%;background:var(--accent)}
.relx-kb{grid-column:2/-1;display:flex;gap:.4rem;flex-wrap:wrap;font-size:.75rem;color:var(--soft)}
.relx-kb span{border:1px solid var(--line);border-radius:1rem;padding:0 .5rem;font-variant-numeric:tabular-nums}
.relx-arcs{padding:.5rem .25rem;overflow-x:auto}
.relx-arcs svg{display:block}
.relx .relx-ink{fill:var(--ink)}
.relx .relx-soft{fill:var(--soft)}
.relx .relx-paper{fill:var(--card)}
.relx .relx-fill{fill:var(--fg)}
.relx .relx-box{fill:var(--bg);stroke:var(--fg)}
.relx .relx-arc{stroke:var(--fg)}
.relx-none{margin:0;padding:.75rem 1.1rem;border-top:1px solid var(--line);color:var(--soft);font-size:.88rem}
.relx-hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media(max-width:40rem){.relx-rel{grid-template-columns:1fr;gap:.25rem;padding:.4rem 0}.relx-from{text-align:start}}
@media print{.relx-card{break-inside:avoid}}
"""


def style_sheet() -> str:
    """The CSS: light and dark colours, then the rules."""
    light = "".join(f".relx-c{i}{{--bg:{c[0]};--fg:{c[1]}}}" for i, c in enumerate(COLOURS))
    dark = "".join(f".relx-c{i}{{--bg:{c[2]};--fg:{c[3]}}}" for i, c in enumerate(COLOURS))
    return (
        f".relx{{color-scheme:light dark;{_LIGHT}}}\n{light}\n"
        f"@media(prefers-color-scheme:dark){{.relx{{{_DARK}}}\n{dark}}}{_RULES}"
    )
