"""Models, transformers and saved pipelines."""

from .classes import (
    DamagedFileError,
    InputError,
    Messages,
    ModelError,
    PipelineError,
    RelxWarning,
    SettingError,
)

MESSAGES: Messages = {
    SettingError: {
        "RX081": "The settings of spacy_relx.MarkedModel.v1 contradict each other: {problem}.",
        "RX187": "GPU {gpu} cannot be used: {reason}. Omit --gpu-id to run on the CPU.",
    },
    InputError: {
        "RX188": "The code file '{path}' cannot be imported: {reason}.",
    },
    DamagedFileError: {
        "RX591": "The file '{file}' of the saved component '{name}' is damaged: {reason}. Copy the pipeline again "
        "from where it was saved. To skip the damaged part, load the pipeline with exclude.",
        "RX592": "The file '{file}' of the saved component '{name}' cannot be read: {reason}. Either the pipeline's "
        "config.cfg describes another model than the saved one, or this package did not write the file.",
        "RX593": "The labels in the file '{file}' of the saved component '{name}' are not the labels of its weights. "
        "The folder mixes files of two pipelines: copy the pipeline again.",
        "RX594": "The weights of '{name}' contain NaN or infinite values: {count} of {size} in '{param}'. Either "
        "training has diverged, or the file was changed. Train again, or use an earlier pipeline.",
    },
    PipelineError: {
        "RX595": "'{name}' computed NaN or infinite scores for the Doc '{text}...', so it cannot predict. Either the "
        "weights of an earlier component that provides vectors are broken, or the vectors of the Doc are.",
    },
    ModelError: {
        "RX080": "The transformer {name} cannot be loaded: {reason}. Give the name of a model of the Hugging Face hub, "
        "or a folder with a model (config.json, the tokenizer's files, model.safetensors).",
        "RX082": "A transformer of the type '{kind}' cannot have markers beside the text. Use one of {known} with "
        'absolute positions, mode = "single", or mode = "shared" with inline = true.',
        "RX084": "The transformer of the type '{kind}' has {layers} layers that can be told apart, too few for layers "
        "or freeze_layers = {wanted}, or for layer_decay. Use fewer, or leave the settings at null, 0 and 1.",
        "RX180": "The pipeline '{model}' cannot be loaded: {reason}. Give the folder of a trained pipeline (with a "
        "config.cfg, such as training/model-best) or the name of an installed pipeline package. If the "
        "pipeline uses components of your own, name their file with --code.",
        "RX596": "The transformer {name} is refused because its {file} requires more than data ({reason}). This "
        "package never runs code that comes with a model. Use a model that transformers loads without "
        "trust_remote_code.",
        "RX597": "The transformer {name} is refused because of its file '{file}': {reason}. Copy the pipeline again "
        "from where it was saved, or use a model of another kind.",
    },
    RelxWarning: {
        "RX083": "{count} mentions of the Doc '{text}...' are longer than {limit} subwords. Only their first {limit} "
        "subwords are marked.",
    },
}
