"""Sentences that deny another: what stands before it, and what behind it.

The sentence is quoted whole, so it needs no change of case, word order or mood, in any language. What stands around it
is our own wording. The 14 languages are those of the sample corpus.
"""

from __future__ import annotations

from collections.abc import Iterable

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..data.extensions import set_lang
from ..data.types import Relation
from ..formats.unasserted import frame

#: Language -> (before, behind) the sentence.
DENIALS: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (("The following statement is false: “", "”"), ("“", "” – this is not true.")),
    "de": (("Die folgende Aussage ist falsch: „", "“"), ("„", "“ – das stimmt nicht.")),
    "fr": (("L'affirmation suivante est fausse : « ", " »"), ("« ", " » : ce n'est pas vrai.")),
    "es": (("La siguiente afirmación es falsa: «", "»"), ("«", "»: esto no es cierto.")),
    "it": (("La seguente affermazione è falsa: «", "»"), ("«", "»: questo non è vero.")),
    "pl": (("Następujące stwierdzenie jest fałszywe: „", "”"), ("„", "” – to nieprawda.")),
    "ru": (("Следующее утверждение ложно: «", "»"), ("«", "» — это неправда.")),
    "uk": (("Наступне твердження хибне: «", "»"), ("«", "» — це неправда.")),
    "tr": (("Şu ifade yanlıştır: “", "”"), ("“", "” – bu doğru değildir.")),
    "ar": (("العبارة التالية غير صحيحة: «", "»"), ("«", "» – هذا غير صحيح.")),
    "hi": (("निम्नलिखित कथन गलत है: “", "”"), ("“", "” – यह सच नहीं है।")),
    "zh": (("以下说法不正确：“", "”"), ("“", "”——这不是真的。")),
    "ja": (("次の記述は誤りである：「", "」"), ("「", "」——これは事実ではない。")),
    "ko": (("다음 진술은 거짓이다: “", "”"), ("“", "” – 이것은 사실이 아니다.")),
}


def deny(nlp: Language, sentence: Span, relations: Iterable[Relation], lang: str, form: int) -> Doc:
    """A Doc that denies a sentence, with its mentions (`doc.spans["mentions"]`, `doc.ents`), as one sentence.

    nlp: cuts what stands around it into tokens; the sentence keeps its own. relations: of the sentence's Doc, within
    the sentence; those that the new Doc is to have. lang: a language of `DENIALS`. form: which of its wordings, taken
    round.
    """
    before, behind = DENIALS[lang][form % len(DENIALS[lang])]
    doc = frame(nlp, sentence, f"{before}{{}}{behind}", relations)
    set_lang(doc, lang)
    return doc
