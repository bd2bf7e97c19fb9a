"""Faults to plant in the server: who may ask, limits, batches, streams, the way from a request to the answer."""

from faults.fault import Fault

ACCESS = "tests/serve/test_access.py"
ANSWERS = "tests/serve/test_answers.py"
REFUSALS = "tests/serve/test_refusals.py"
STREAMS = "tests/serve/test_streams.py"
DOCUMENTS = "tests/serve/test_documents.py"

SERVING_FAULTS = (
    Fault(
        "a token that begins like the right one is let in",
        "serve/access.py",
        "hmac.compare_digest(token.strip().encode(), self.token.encode())",
        "self.token.startswith(token.strip())",
        tests=ACCESS,
        only="the_token_is",
    ),
    Fault(
        "a host that ends like a name of this server is let in",
        "serve/access.py",
        'if name == "localhost" or name in self.names:',
        'if name.startswith("localhost") or name in self.names:',
        tests=ACCESS,
        only="foreign_host",
    ),
    Fault(
        "a page of another port may ask",
        "serve/access.py",
        "urlsplit(origin).netloc.lower() != host.lower()",
        "urlsplit(origin).hostname != name",
        tests=ACCESS,
        only="another_site",
    ),
    Fault(
        "a server for others starts without a token",
        "serve/access.py",
        "if not is_loopback and token is None and not without_token:",
        "if not is_loopback and token is None and without_token:",
        tests=ACCESS,
        only="by_mistake",
    ),
    Fault(
        "a body of unknown length has no limit",
        "serve/traffic.py",
        "self.expect(len(self.content) + len(piece))",
        "self.expect(len(piece))",
        tests=REFUSALS,
        only="together_have_limits",
    ),
    Fault(
        "bodies that were answered stay counted",
        "serve/traffic.py",
        "self.held -= len(held.content)",
        "self.held -= 0",
        tests=DOCUMENTS,
        only="prometheus",
    ),
    Fault(
        "a stream that ended is counted as open",
        "serve/traffic.py",
        "            self.streams -= 1",
        "            self.streams -= 0",
        tests=STREAMS,
        only="given_back",
    ),
    Fault(
        "requests with other options share a batch",
        "serve/batching.py",
        " or one.options != few[0].options):",
        "):",
        tests=ANSWERS,
        only="other_options",
    ),
    Fault(
        "one request that is refused spoils its batch",
        "serve/batching.py",
        "            if len(few) == 1:\n                return [error]",
        "            return [error for _ in few]",
        tests=ANSWERS,
        only="spoils_no_other",
    ),
    Fault(
        "answers of a batch go to the wrong requests",
        "serve/batching.py",
        "return [[next(answers) for _ in one.rows] for one in few]",
        "return [[next(answers) for _ in one.rows] for one in few[::-1]][::-1]",
        tests=ANSWERS,
        only="alone_and_in_any_batch",
    ),
    Fault(
        "nothing is answered together",
        "serve/batching.py",
        "size + len(one.rows) > self._batch",
        "size + len(one.rows) > 1",
        tests=ANSWERS,
        only="alone_and_in_any_batch",
    ),
    Fault(
        "rows that wait have no limit",
        "serve/batching.py",
        "if self.rows_waiting + len(rows) > self._most_waiting:",
        "if self.rows_waiting > self._most_waiting:",
        tests=REFUSALS,
        only="rows_that_wait",
    ),
    Fault(
        "a cell of a request is opened as a file",
        "tasks/classify/served.py",
        "    _refuse_names_of_files(sent, columns)\n",
        "",
        tests=REFUSALS,
        only="names_a_file or not_what_the_model",
    ),
    Fault(
        "a sound is read before it is measured",
        "tasks/classify/served.py",
        "100 * sound.measure_sound(path).seconds",
        "0 * sound.measure_sound(path).seconds",
        tests=REFUSALS,
        only="measured_before",
    ),
    Fault(
        "a growing text begins anew with each message",
        "tasks/generate/served.py",
        "        if self._reader is None:\n            self._reader = self._trained.start(",
        "        if True:\n            self._reader = self._trained.start(",
        tests=STREAMS,
        only="growing_text",
    ),
    Fault(
        "a growing text of words begins a line with each message",
        "tasks/generate/served.py",
        'if vocabulary.unit == "word" else 0 :]',
        'if vocabulary.unit == "words" else 0 :]',
        tests=STREAMS,
        only="growing_text",
    ),
)
