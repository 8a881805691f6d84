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
        "RX404": "The engine '{engine}' cannot be used with these options: {names}.",
    },
    InputError: {},
    DamagedFileError: {
        "RX402": "'{path}' is damaged or does not belong to this run ({reason}). Start the run again with --overwrite.",
    },
    OutputError: {},
    RunError: {
        "RX403": "Another run is using '{path}'. Wait until it ends, or use another folder.",
        "RX405": "{shard}: {n} processes in a row ended on this shard ({how}) without making progress. They may lack "
        "memory: use fewer --workers or a smaller --batch-size. A script that calls annotate_corpus must do "
        "so behind `if __name__ == '__main__':`, because the processes import it.",
        "RX406": "The engine {engine} has stopped: {reason}.",
        "RX407": "The run stops because {n} documents could not be used, and the limit is {max} (--max-errors). The "
        "first: {first} To use another field or model, start again with --overwrite.",
        "RX409": "{n} of {total} shards are not done. The first, {name}: {reason}. Finished shards are kept: correct "
        "the problem and give the same command again to continue.",
        "RX424": "The server cannot listen at '{host}', port {port}: {reason}. Choose another address or port (--host, "
        "--port).",
        "RX598": "The run read inputs that changed in the meantime: {names}. Nothing of them counts as done. Wait "
        "until they are written, then give the same command again: it reads them again and keeps what is "
        "done of the others.",
    },
    RequestError: {
        "RX420": 'The request cannot be read: {reason}. Send {{"texts": [...]}}, where each text is a string, or an '
        'object with "text" and optionally "lang" and "id".',
        "RX421": "The request is too large: {n} {what}, but the limit is {limit}. Send it in parts.",
        "RX422": "The text cannot be used: {reason}.",
        "RX423": "The pipeline failed on this text ({kind}). The server's log says why.",
        "RX425": "The server is busy: {reason}. Send the request again in a moment.",
        "RX426": "The body must be JSON and declare it: send the header Content-Type: application/json.",
        "RX427": "There is no such address, or it does not take this method. Use POST /extract, GET /health, GET "
        "/info or GET /openapi.json.",
        "RX429": "The server failed to answer. Its log says why.",
    },
    RelxWarning: {
        "RX408": "A process of the run warns: {message}",
        "RX410": "{n} of the files in '{path}' are skipped, the first is {name}: their names do not end in any of {known}.",
        "RX428": "The pipeline has several fact_checkers, '{name}' and '{others}'. The last one determines kb_score "
        "(from embeddings) and known (from triples), and none gives a kb_rank without both. Give one "
        "fact_checker both embeddings and triples, and remove the other (nlp.remove_pipe).",
        "RX599": "The report '{path}' is damaged ({reason}). Its shard is done again.",
        "RX603": "The work is done, but the process did not exit within {seconds:g} seconds and is stopped. The "
        "stacks of its threads:",
    },
}
