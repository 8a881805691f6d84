"""Corpora in shards, and serving over HTTP."""

from .classes import (
    DamagedFileError,
    InputError,
    Messages,
    OutputError,
    RelxWarning,
    RequestError,
    RunError,
    SettingError,
)

MESSAGES: Messages = {
    SettingError: {
        "RX404": "The engine '{engine}' cannot be used so: {names}.",
    },
    InputError: {
        "RX400": "Cannot read texts from '{path}': {reason}. Inputs are .jsonl, .txt (also .gz), .parquet and .spacy "
        "files, and folders of them.",
    },
    DamagedFileError: {
        "RX402": "'{path}' does not say what it should ({reason}). Begin the run anew with --overwrite.",
    },
    OutputError: {
        "RX401": "Cannot write triples to the folder '{path}': {reason}.",
        "RX403": "Another run is at work in '{path}'. Wait for it, or give another folder.",
    },
    RunError: {
        "RX405": "{shard}: {n} processes in a row have ended over this shard ({how}) and got no further. Is there "
        "enough memory? Fewer --workers or a smaller --batch-size need less. (A script of your own calls "
        "annotate_corpus behind `if __name__ == '__main__':`, since processes import it.)",
        "RX406": "{engine} has given up: {reason}",
        "RX407": "The run stops: {n} documents could not be used, and {max} may be (--max-errors). The first: {first} "
        "With another field or model, begin anew with --overwrite.",
        "RX409": "{n} of {total} shards are not done. The first, {name}: {reason} What is done is kept: when this is "
        "mended, the same command goes on.",
        "RX424": "Cannot listen at '{host}', port {port}: {reason} Choose another address or port (--host, --port).",
        "RX598": "These inputs were changed while the run read them: {names}. Nothing of them counts as done. Wait "
        "until they are written, then give the same command again: it does them anew and keeps what is done "
        "of the others.",
    },
    RequestError: {
        "RX420": 'The request cannot be read: {reason} Send {{"texts": [...]}}, each text a string, or an object with '
        '"text" and, where they are known, "lang" and "id".',
        "RX421": "The request is too large: {n} {what}, where {limit} are the most. Send it in parts.",
        "RX422": "The text cannot be taken: {reason}",
        "RX423": "The pipeline failed on this text ({kind}). The server's log says why.",
        "RX425": "The server is busy: {reason} Send the request again in a moment.",
        "RX426": "The body must be JSON, and say so: send it with the header Content-Type: application/json.",
        "RX427": "There is no such address, or it cannot be asked in this way. There are POST /extract, GET /health, "
        "GET /info and GET /openapi.json.",
        "RX429": "The server failed to answer. Its log says why.",
    },
    RelxWarning: {
        "RX408": "{message} (said by a process that annotates)",
        "RX410": "{n} of the files in '{path}' are passed over, the first is {name}: their names end in none of "
        "{known}.",
        "RX428": "'{name}' is a fact_checker beside '{others}': of what both can tell (kb_score by embeddings, known "
        "by triples) the one that runs last holds, and neither gives a kb_rank without both. Give one "
        "fact_checker both embeddings and triples, and remove the other (nlp.remove_pipe).",
        "RX599": "The report '{path}' is damaged ({reason}). Its shard is done anew.",
        "RX603": "The work is done, but the process did not end within {seconds:g} seconds and is ended. What its "
        "threads were at:",
    },
}
