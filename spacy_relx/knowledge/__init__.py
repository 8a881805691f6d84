"""Knowledge bases: triples, names of their entities, and labelling text with them (distant supervision)."""
