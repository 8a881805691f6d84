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
        "RX081": "The settings of spacy_relx.MarkedModel.v1 do not go together: {problem}.",
        "RX187": "Cannot use GPU {gpu}: {reason} Leave --gpu-id out to run on the CPU.",
    },
    InputError: {
        "RX188": "Cannot import the code file '{path}': {reason}",
    },
    DamagedFileError: {
        "RX591": "The file '{file}' of the saved component '{name}' is damaged: {reason}. Copy the pipeline anew from "
        "where it was saved. To leave out what is damaged, load it with exclude.",
        "RX592": "The file '{file}' of the saved component '{name}' cannot be read: {reason}. The pipeline's "
        "config.cfg describes another model than was saved, or the file was not written by this package.",
        "RX593": "The labels in the file '{file}' of the saved component '{name}' are not those that its weights were "
        "trained for. The folder mixes files of two pipelines: copy the pipeline anew.",
        "RX594": "The weights of '{name}' hold numbers that are not finite (NaN or infinite): '{param}', {count} of "
        "{size}. Training has diverged, or the file was changed: train anew, or take an earlier pipeline.",
    },
    PipelineError: {
        "RX595": "'{name}' computed scores that are not finite (NaN or infinite) for the Doc '{text}...', so nothing "
        "can be predicted. The weights of a component before it that gives it vectors are broken, or the Doc "
        "was set up with such vectors.",
    },
    ModelError: {
        "RX080": "The transformer {name} cannot be loaded: {reason} Give the name of a model of the Hugging Face hub, "
        "or a folder that holds one (config.json, the tokenizer's files, model.safetensors).",
        "RX082": "The transformer is of the type '{kind}', which cannot have markers beside the text. Types that can: "
        '{known}, with absolute positions. Use mode = "single", or mode = "shared" with inline = true.',
        "RX084": "The transformer is of the type '{kind}', in which {layers} layers are found: layers or "
        "freeze_layers = {wanted}, or layer_decay, cannot be had. Take fewer, or leave them at null, 0 and 1.",
        "RX180": "Cannot load the pipeline '{model}': {reason} Give the folder of a trained pipeline (it has a "
        "config.cfg, such as training/model-best) or the name of an installed pipeline package. If it has "
        "components of your own that are not installed, name their file with --code.",
        "RX596": "The transformer {name} is refused: its {file} asks for more than data ({reason}). This package "
        "never runs code that comes with a model. Take a model that transformers can load without "
        "trust_remote_code.",
        "RX597": "The transformer {name} is refused because of its file '{file}': {reason}. Copy the pipeline anew "
        "from where it was saved, or take a model of another kind.",
    },
    RelxWarning: {
        "RX083": "{count} mentions of the Doc '{text}...' are longer than {limit} subwords and are marked up to there.",
    },
}
