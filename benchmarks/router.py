"""Texts per second of the language router and of the multilingual tokenizer.

    python benchmarks/router.py [--texts 2000] [--rounds 3]

The texts are made here: sentences of about 20 words in six languages. The router is timed on Docs that are made
already, with detection (all languages, and restricted to the six), by sentence, and with metadata; the tokenizer
against spaCy's own for "xx", on English only, each on new pipelines so that no cache is warm. Best of the rounds.
"""

import argparse
import random
import time
from collections.abc import Callable

import spacy
from spacy.language import Language

SAMPLES = {
    "en": "the company opened its second office in the old harbour and moved many people there last year",
    "de": "das Unternehmen eröffnete sein zweites Büro im alten Hafen und zog letztes Jahr mit vielen Leuten dorthin",
    "fr": "la société a ouvert son deuxième bureau dans le vieux port et y a installé beaucoup de gens",
    "tr": "şirket ikinci ofisini eski limanda açtı ve geçen yıl oraya birçok kişi taşındı",
    "ru": "компания открыла второй офис в старом порту и в прошлом году перевела туда много людей",
    "es": "la empresa abrió su segunda oficina en el puerto viejo y llevó allí a mucha gente el año pasado",
}
MULTILINGUAL = {"nlp": {"tokenizer": {"@tokenizers": "spacy_relx.MultilingualTokenizer.v1"}}}


def make_texts(count: int, codes: list[str]) -> list[str]:
    """Shuffled words of the samples, with some numbers between, so that texts differ; two sentences each."""
    rng = random.Random(0)
    texts = []
    for i in range(count):
        words = SAMPLES[codes[i % len(codes)]].split()
        first, second = rng.sample(words, len(words)), rng.sample(words, len(words))
        texts.append(f"{' '.join(first)} {rng.randrange(10**6)}. {' '.join(second)}.")
    return texts


def best(rounds: int, make: Callable[[], Callable[[], object]]) -> float:
    """Seconds of the fastest of `rounds` calls of what `make` returns; `make` itself is not timed."""
    times = []
    for _ in range(rounds):
        call = make()
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def time_router(texts: list[str], rounds: int, config: dict, metadata: bool = False) -> float:
    nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    router = nlp.create_pipe("language_router", config=config)
    router(nlp("load the model"))

    def make() -> Callable[[], object]:
        docs = list(nlp.pipe(texts))
        for doc in docs:
            doc.user_data.update({"lang": "en"} if metadata else {})
        return lambda: list(router.pipe(docs))

    return best(rounds, make)


def time_tokenizer(texts: list[str], rounds: int, config: dict) -> float:
    def make() -> Callable[[], object]:
        nlp: Language = spacy.blank("xx", config=config)
        return lambda: [nlp.make_doc(text) for text in texts]

    return best(rounds, make)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    texts = make_texts(args.texts, list(SAMPLES))
    six = {"detector": {"@misc": "spacy_relx.LangidDetector.v1", "langs": sorted(SAMPLES), "min_score": 0.0}}
    runs = {
        "detection, all languages": time_router(texts, args.rounds, {}),
        "detection, six languages": time_router(texts, args.rounds, six),
        "detection by sentence, six languages": time_router(texts, args.rounds, {**six, "per_sentence": True}),
        "metadata": time_router(texts, args.rounds, {}, metadata=True),
    }
    for name, seconds in runs.items():
        print(f"router, {name}: {len(texts) / seconds:,.0f} texts/s")
    english = make_texts(args.texts, ["en"])
    plain, ours = (time_tokenizer(english, args.rounds, config) for config in ({}, MULTILINGUAL))
    print(f"tokenizer: {len(english) / ours:,.0f} texts/s, {ours / plain:.2f} x the time of the plain one for 'xx'")


if __name__ == "__main__":
    main()
