"""What `import spacy_relx as sr` gives: each command as one call, with the command's names and options.

The other folders take objects. Here pipelines and documents may also be given by the names of their files.
"""
