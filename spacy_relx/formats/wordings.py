"""Words around a sentence that take away, or underline, what it says; of `unasserted.Unasserted`.

A wording has "{}" for the sentence without its final mark. It leaves the sentence as it is, so in each language only
words were taken behind, before or around which a whole sentence can stand. None is a wording of `evaluation.denial`,
which measures whether denials are understood.
"""

from __future__ import annotations

NEGATION, HYPOTHESIS, QUESTION, AFFIRMED = "negation", "hypothesis", "question", "affirmed"
#: Kinds of wordings under which a sentence says nothing to be true.
UNASSERTED = (NEGATION, HYPOTHESIS, QUESTION)
#: Under this kind it says what it said.
KINDS = (*UNASSERTED, AFFIRMED)

#: Language -> kind -> wordings.
WORDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "en": {
        NEGATION: (
            "It is not true that {}.",
            "It is wrong to say that {}.",
            "Nobody ever said that {}.",
            "{}? No, that is a myth.",
            "Contrary to what many believe, it is not the case that {}.",
        ),
        HYPOTHESIS: (
            "If {}, everything would be different.",
            "Suppose that {}.",
            "Perhaps {}.",
            "It could be that {}.",
        ),
        QUESTION: ("Is it true that {}?", "{}?", "Who claims that {}?", "They asked whether {}."),
        AFFIRMED: ("It is true that {}.", "As is well known, {}.", "There is no doubt that {}."),
    },
    "de": {
        NEGATION: ("Falsch ist: {}.", "{}? Nein, das ist ein Irrtum.", "Es heißt, {}, aber das ist erfunden."),
        HYPOTHESIS: ("Angenommen, {}: Was dann?", "Nehmen wir an, {}.", "{}, vielleicht."),
        QUESTION: ("Ist es wahr: {}?", "{}?", "Wer behauptet, {}?"),
        AFFIRMED: ("Fest steht: {}.", "Bekanntlich gilt: {}.", "Es ist wahr: {}."),
    },
    "fr": {
        NEGATION: ("Il est faux de dire que {}.", "{} ? Non, c'est une erreur.", "Personne n'a dit que {}."),
        HYPOTHESIS: ("Si {}, tout serait différent.", "Peut-être que {}.", "On suppose que {}."),
        QUESTION: ("Est-il vrai que {} ?", "{} ?", "On se demande si {}."),
        AFFIRMED: ("Il est vrai que {}.", "On sait que {}.", "Il est établi que {}."),
    },
    "es": {
        NEGATION: ("Es falso decir que {}.", "¿{}? No, es un error.", "Nadie ha dicho que {}."),
        HYPOTHESIS: ("Si {}, todo sería distinto.", "Supongamos que {}.", "A lo mejor {}."),
        QUESTION: ("¿Es verdad que {}?", "¿{}?", "Se preguntan si {}."),
        AFFIRMED: ("Es verdad que {}.", "Se sabe que {}.", "No cabe duda: {}."),
    },
    "it": {
        NEGATION: ("È falso dire che {}.", "{}? No, è un errore.", "Nessuno ha detto che {}."),
        HYPOTHESIS: ("Se {}, tutto sarebbe diverso.", "Supponiamo che {}.", "Forse {}."),
        QUESTION: ("È vero che {}?", "{}?", "Ci si chiede se {}."),
        AFFIRMED: ("È vero che {}.", "Si sa che {}.", "È certo che {}."),
    },
    "pt": {
        NEGATION: ("É falso dizer que {}.", "{}? Não, é um erro.", "Ninguém disse que {}."),
        HYPOTHESIS: ("Se {}, tudo seria diferente.", "Vamos supor que {}.", "Pode ser que {}."),
        QUESTION: ("Será que {}?", "{}?", "Pergunta-se se {}."),
        AFFIRMED: ("É verdade que {}.", "Sabe-se que {}.", "É certo que {}."),
    },
    "nl": {
        NEGATION: (
            "Het klopt niet: {}.",
            "{}? Nee, dat is een misverstand.",
            "Er wordt gezegd: {}, maar dat is verzonnen.",
        ),
        HYPOTHESIS: ("Stel: {}.", "{}, misschien."),
        QUESTION: ("Klopt het: {}?", "{}?"),
        AFFIRMED: ("Het staat vast: {}.", "Het is bekend: {}."),
    },
    "da": {
        NEGATION: ("Det passer ikke, at {}.", "{}? Nej, det er en misforståelse."),
        HYPOTHESIS: ("Hvis {}, var alt anderledes.", "Lad os antage, at {}."),
        QUESTION: ("Passer det, at {}?", "{}?"),
        AFFIRMED: ("Det er rigtigt, at {}.", "Det er kendt, at {}."),
    },
    "sv": {
        NEGATION: ("Det är inte sant att {}.", "{}? Nej, det är ett missförstånd."),
        HYPOTHESIS: ("Om {} vore allt annorlunda.", "Anta att {}.", "Kanske {}."),
        QUESTION: ("Är det sant att {}?", "{}?"),
        AFFIRMED: ("Det är sant att {}.", "Det är känt att {}."),
    },
    "nb": {
        NEGATION: ("Det stemmer ikke at {}.", "{}? Nei, det er en misforståelse."),
        HYPOTHESIS: ("Hvis {}, var alt annerledes.", "Anta at {}.", "Kanskje {}."),
        QUESTION: ("Stemmer det at {}?", "{}?"),
        AFFIRMED: ("Det stemmer at {}.", "Det er kjent at {}."),
    },
    "nn": {
        NEGATION: ("Det stemmer ikkje at {}.", "{}? Nei, det er ei misforståing."),
        HYPOTHESIS: ("Dersom {}, var alt annleis.", "Tenk om {}.", "Kanskje {}."),
        QUESTION: ("Stemmer det at {}?", "{}?"),
        AFFIRMED: ("Det stemmer at {}.", "Det er kjent at {}."),
    },
    "pl": {
        NEGATION: ("Nie jest tak, że {}.", "{}? Nie, to pomyłka.", "Nikt nie powiedział, że {}."),
        HYPOTHESIS: ("Jeśli {}, wszystko wygląda inaczej.", "Załóżmy, że {}.", "Być może {}."),
        QUESTION: ("Czy to prawda, że {}?", "{}?", "Czy {}?"),
        AFFIRMED: ("To prawda, że {}.", "Wiadomo, że {}."),
    },
    "sk": {
        NEGATION: ("Nie je pravda, že {}.", "{}? Nie, to je omyl."),
        HYPOTHESIS: ("Ak {}, všetko je inak.", "Predpokladajme, že {}.", "Možno {}."),
        QUESTION: ("Je pravda, že {}?", "{}?"),
        AFFIRMED: ("Je pravda, že {}.", "Je známe, že {}."),
    },
    "hr": {
        NEGATION: ("Nije istina da {}.", "{}? Ne, to je zabluda."),
        HYPOTHESIS: ("Ako {}, sve je drukčije.", "Pretpostavimo da {}.", "Možda {}."),
        QUESTION: ("Je li istina da {}?", "{}?"),
        AFFIRMED: ("Istina je da {}.", "Poznato je da {}."),
    },
    "ru": {
        NEGATION: ("Неправда, что {}.", "{}? Нет, это миф.", "Никто не говорил, что {}."),
        HYPOTHESIS: ("Если {}, всё было бы иначе.", "Допустим, что {}.", "Возможно, {}."),
        QUESTION: ("Правда ли, что {}?", "{}?", "Кто утверждает, что {}?"),
        AFFIRMED: ("Правда, что {}.", "Известно, что {}.", "Нет сомнений, что {}."),
    },
    "uk": {
        NEGATION: ("Неправда, що {}.", "{}? Ні, це міф.", "Ніхто не казав, що {}."),
        HYPOTHESIS: ("Якщо {}, усе було б інакше.", "Припустімо, що {}.", "Можливо, {}."),
        QUESTION: ("Чи правда, що {}?", "{}?", "Хто стверджує, що {}?"),
        AFFIRMED: ("Правда, що {}.", "Відомо, що {}."),
    },
    "tr": {
        NEGATION: ("Doğru değil: {}.", "{}? Hayır, bu bir yanlış anlama.", "Kimse {} demedi."),
        HYPOTHESIS: ("Diyelim ki {}.", "Farz edelim ki {}.", "Belki {}."),
        QUESTION: ("{}, doğru mu?", "{}?", "Acaba {}?"),
        AFFIRMED: ("Şurası kesin: {}.", "Bilindiği gibi {}."),
    },
    "ar": {
        NEGATION: ("ليس صحيحا أن {}.", "{}؟ لا، هذه خرافة.", "لم يقل أحد إن {}."),
        HYPOTHESIS: ("ربما {}.", "لنفترض أن {}.", "يحتمل أن {}."),
        QUESTION: ("هل صحيح أن {}؟", "هل {}؟", "{}؟"),
        AFFIRMED: ("من المعروف أن {}.", "لا شك في أن {}."),
    },
    "fa": {
        NEGATION: ("درست نیست که {}.", "{}؟ نه، این اشتباه است."),
        HYPOTHESIS: ("شاید {}.", "فرض کنیم {}.", "اگر {}، همه چیز فرق می‌کرد."),
        QUESTION: ("آیا درست است که {}؟", "آیا {}؟"),
        AFFIRMED: ("درست است که {}.", "می‌دانیم که {}."),
    },
    "hi": {
        NEGATION: ("यह सही नहीं है कि {}।", "{}? नहीं, यह भ्रम है।", "किसी ने नहीं कहा कि {}।"),
        HYPOTHESIS: ("मान लीजिए कि {}।", "शायद {}।", "अगर {}, तो सब कुछ अलग होता।"),
        QUESTION: ("क्या यह सच है कि {}?", "क्या {}?"),
        AFFIRMED: ("यह सच है कि {}।", "सब जानते हैं कि {}।"),
    },
    "bn": {
        NEGATION: ("এটা সত্য নয় যে {}।", "{}? না, এটা ভুল ধারণা।"),
        HYPOTHESIS: ("হয়তো {}।", "ধরা যাক {}।"),
        QUESTION: ("এটা কি সত্য যে {}?", "{}?"),
        AFFIRMED: ("এটা সত্য যে {}।", "সবাই জানে যে {}।"),
    },
    "zh": {
        NEGATION: ("并非{}。", "{}？不，那是误传。", "没有人说过{}。"),
        HYPOTHESIS: ("假如{}，情况就会不同。", "也许{}。", "假设{}。"),
        QUESTION: ("{}吗？", "是不是{}？", "谁说{}？"),
        AFFIRMED: ("众所周知，{}。", "事实上{}。", "的确，{}。"),
    },
    "ja": {
        NEGATION: ("{}というのは誤解だ。", "{}という証拠はない。", "{}わけではない。"),
        HYPOTHESIS: ("もし{}としたら、話は違ってくる。", "{}かもしれない。", "仮に{}としよう。"),
        QUESTION: ("{}というのは本当か？", "{}のだろうか。", "{}？"),
        AFFIRMED: ("{}というのは事実だ。", "周知のとおり、{}。", "確かに、{}。"),
    },
    "ko": {
        NEGATION: ("{}는 말은 틀렸다.", "{}는 주장은 근거가 없다.", "{}고 말한 사람은 없다."),
        HYPOTHESIS: ("만약 {}면 이야기가 달라진다.", "{}고 가정하자.", "혹시 {}면 어떻게 될까."),
        QUESTION: ("{}는 것이 사실일까?", "{}?", "{}는 게 정말인가?"),
        AFFIRMED: ("{}는 것은 사실이다.", "알려진 대로 {}.", "{}는 것은 분명하다."),
    },
}
#: Languages whose wordings go on from a certain ending alone.
ENDINGS = {"ko": ("다",)}
