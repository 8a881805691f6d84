"""Metrics of invented runs, for the tests of `relx compare --transfer`."""


def scores(f, types=None, **more):
    """Scores of one run. f: {language: F1 or None}; types: {language: {label: (F1, support)}}."""
    table = {
        lang: {"p": value, "r": value, "f": value, "macro_f": value and value / 2, "support": 10 * (value is not None)}
        for lang, value in f.items()
    }
    out = {"rel_per_lang": table, **more}
    if types is not None:
        out["rel_per_lang_type"] = {
            lang: {label: {"p": value, "r": value, "f": value, "support": n} for label, (value, n) in row.items()}
            for lang, row in types.items()
        }
    return out


GOOD = scores({"en": 0.5})
