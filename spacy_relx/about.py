__title__ = "spacy-relx"
__version__ = "0.1.0"
