"""The server's answers, through HTTP as far as it goes without a socket."""

import asyncio
import json
import warnings
from dataclasses import replace

import pytest

pytest.importorskip("starlette", reason="starlette is not installed")

import httpx

with warnings.catch_warnings():  # later versions prefer another client to httpx
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

from nmt import Constraints, Translator
from nmt.serving.api_schema import ApiResponses, RequestLimits
from nmt.serving.app import Service, make_application, render_page
from nmt.serving.request_queue import RequestQueue
from nmt.serving.server import server_info
from nmt.translation.quality_estimation import QualityEstimator

HOME = "http://127.0.0.1:8765"
LIMITS = replace(RequestLimits(), body=20_000, characters=200, lines=40, texts=20, beam=8)
SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


@pytest.fixture(scope="module")
def translator(tiny_bundle):
    return Translator.load(tiny_bundle, threads=1)


def application_of(translator, request_queue, limits=LIMITS):
    info = server_info(translator, limits, 3)
    answers = ApiResponses(QualityEstimator.of(translator.bundles[0]))
    service = Service(request_queue, answers, limits, render_page(info), info, 3)
    return make_application(service, ["my-machine.lan"])


@pytest.fixture(scope="module")
def app(translator):
    request_queue = RequestQueue(translator, LIMITS.waiting, LIMITS.together)
    yield application_of(translator, request_queue)
    request_queue.close()
    request_queue.join(30)


@pytest.fixture(scope="module")
def client(app):
    return TestClient(app, base_url=HOME, raise_server_exceptions=False)


def lines_of(answer: httpx.Response) -> list[dict]:
    assert answer.status_code == 200, answer.text
    return [line for text in answer.json()["translations"] for line in text["lines"]]


def test_a_text_is_translated_line_by_line(client, translator):
    lines = ["le chat noir", "", "un chien", "  "]
    answer = client.post("/api/translate", json={"text": "\r\n".join(lines)})
    expected = [each.text for each in translator.translate(lines)]
    (text,) = answer.json()["translations"]
    assert text["translation"] == "\r\n".join(expected)
    assert [line["translation"] for line in text["lines"]] == expected
    assert [line["attention"] for line in text["lines"]] == [None] * 4
    assert [line["risk"] is None for line in text["lines"]] == [False, True, False, True]


def test_lines_end_as_they_did(client, translator):
    texts = ["le chat\r\nun chien\n\r\nle\r", "le chat\n", "\r\n", ""]
    answer = client.post("/api/translate", json={"texts": texts})
    cat, dog, le = (each.text for each in translator.translate(["le chat", "un chien", "le"]))
    assert [text["translation"] for text in answer.json()["translations"]] == [
        f"{cat}\r\n{dog}\n\r\n{le}\r",
        f"{cat}\n",
        "\r\n",
        "",
    ]


def test_a_longer_list_widens_the_beam(client, translator):
    (line,) = lines_of(client.post("/api/translate", json={"text": "le chat", "n_best": 7}))
    (best,) = translator.translate(["le chat"], n_best=7, beam_size=7)
    assert [each["translation"] for each in line["n_best"]] == [each.text for each in best.n_best]


def test_several_texts_and_more_of_each(client, translator):
    wish = {"texts": ["le chat", "un\nchien"], "n_best": 5, "attention": True}
    found = lines_of(client.post("/api/translate", json=wish))
    texts = ["le chat", "un", "chien"]
    for line, best in zip(found, translator.translate(texts, n_best=5, beam_size=5), strict=True):
        assert [each["translation"] for each in line["n_best"]] == [
            each.text for each in best.n_best
        ]
        assert line["score"] == pytest.approx(best.score, abs=1e-4)
        assert line["attention"]["target"] == best.tokens
        assert line["attention"]["source"] == best.source_tokens
        for row in line["attention"]["weights"]:
            assert len(row) == len(best.source_tokens)
            assert sum(row) == 1000


def test_wishes(client, translator):
    wish = {"text": "le chat", "prefix": "the ca", "avoid": ["mat"], "beam_size": 6}
    (line,) = lines_of(client.post("/api/translate", json=wish))
    constraints = [Constraints("the ca", (), ("mat",), open_end=True)]
    (best,) = translator.translate(["le chat"], constraints=constraints, beam_size=6)
    assert line["translation"] == best.text
    (line,) = lines_of(client.post("/api/translate", json={"text": "le chat", "terms": ["dog"]}))
    assert ("dog" in line["translation"]) != (line["missed"] == ["dog"])


def test_texts_with_breaks_and_control_characters_are_translated(client):
    odd = "le\x0bchat\u2028 noir\x85\x1b\x00\u00ad"
    answer = client.post("/api/translate", json={"text": odd, "attention": True})
    assert answer.status_code == 200
    (line,) = lines_of(answer)
    assert line["translation"]


def test_flags_are_told(client):
    (line,) = lines_of(client.post("/api/translate", json={"text": "日本 日本"}))
    assert "unknown" in line["flags"]
    assert line["risk"] > 1.0


def test_alternatives(client, translator):
    best = translator.translate(["le chat noir"])[0]
    wish = {"text": "le chat noir", "prefix": best.tokens[:2], "count": 3, "units": "subwords"}
    answer = client.post("/api/alternatives", json=wish).json()["alternatives"]
    expected = translator.alternatives("le chat noir", best.tokens[:2], count=3, words=False)
    assert [each["token"] for each in answer] == [each.token for each in expected]
    for told, each in zip(answer, expected, strict=True):
        assert told["probability"] == pytest.approx(each.probability, abs=1e-5)
        assert told["attention"]["target"] == each.translation.tokens
    wish = {"text": " ", "prefix": "the"}
    assert client.post("/api/alternatives", json=wish).json()["alternatives"] == []


def test_many_at_once_are_answered_as_each_alone(app, client):
    texts = [" ".join(["le", "chat", "noir", "un", "chien"][: 1 + i % 5]) for i in range(24)]
    bodies = [{"text": text, "n_best": 1 + i % 2} for i, text in enumerate(texts)]

    async def all_at_once() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=HOME) as many:
            return await asyncio.gather(
                *(many.post("/api/translate", json=body) for body in bodies)
            )

    for body, answer in zip(bodies, asyncio.run(all_at_once()), strict=True):
        together = lines_of(answer)
        alone = lines_of(client.post("/api/translate", json=body))
        assert [line["translation"] for line in together] == [line["translation"] for line in alone]
        for one, other in zip(together, alone, strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=2e-4)


T, A = "/api/translate", "/api/alternatives"
WRONG = [
    (T, b"", 400, "not valid JSON"),
    (T, b"[]", 400, "not a JSON object"),
    (T, b'"text"', 400, "not a JSON object"),
    (T, b"null", 400, "not a JSON object"),
    (T, b'{"text": "a"', 400, "not valid JSON"),
    (T, b'{"text": "\xff"}', 400, "not UTF-8"),
    (T, b'{"text": "\\ud800"}', 400, "surrogate"),
    (T, b'{"texts": ["a", "\\udc00"]}', 400, "surrogate"),
    (T, b'{"text": NaN}', 400, "NaN"),
    (T, b"[" * 19_000, 400, "nested too deeply"),
    (T, b'{"a":' * 3_900, 400, "nested too deeply"),
    (T, b"{}", 400, "give either `text` or `texts`"),
    (T, b'{"text": "a", "texts": []}', 400, "give either `text` or `texts`"),
    (T, b'{"text": 1}', 400, "`text`"),
    (T, b'{"text": null}', 400, "give either `text` or `texts`"),
    (T, b'{"texts": "a"}', 400, "`texts`"),
    (T, b'{"texts": [1]}', 400, "`texts.0`"),
    (T, b'{"text": "a", "path": "/etc/passwd"}', 400, "`path`: unknown member"),
    (T, b'{"text": "a", "beam": 3}', 400, "Did you mean `beam_size`?"),
    (T, b'{"tetx": "a"}', 400, "Did you mean `text`?"),
    (T, b'{"text": "a", "n_best": 0}', 400, "`n_best`"),
    (T, b'{"text": "a", "n_best": "2"}', 400, "`n_best`"),
    (T, b'{"text": "a", "n_best": 1.5}', 400, "`n_best`"),
    (T, b'{"text": "a", "n_best": true}', 400, "`n_best`"),
    (T, b'{"text": "a", "n_best": ' + b"9" * 5000 + b"}", 400, "`n_best`"),
    (T, b'{"text": "a", "n_best": 9}', 400, "`n_best`: 9 translations, but the limit is 8"),
    (T, b'{"text": "a", "beam_size": 9}', 400, "the limit is 8"),
    (T, b'{"text": "a", "beam_size": -1}', 400, "`beam_size`"),
    (T, b'{"text": "a", "n_best": 4, "beam_size": 2}', 400, "cannot exceed"),
    (T, b'{"text": "a", "attention": 1}', 400, "`attention`"),
    (T, b'{"text": "a\\nb", "prefix": "x"}', 400, "one line"),
    (T, b'{"texts": ["a", "b"], "prefix": "x"}', 400, "one line"),
    (T, b'{"text": "a", "terms": [" "]}', 400, "`terms` has a blank text"),
    (
        T,
        b'{"text": "a", "prefix": "b\\nc"}',
        400,
        "`prefix` has a line break (U+000A) at character 2",
    ),
    (T, b'{"text": "a", "terms": ["b", "\\u0085"]}', 400, "`terms` has a line break (U+0085)"),
    (T, b'{"text": "a", "avoid": ["\\u001b[0m"]}', 400, "`avoid` has a control character (U+001B)"),
    (T, b'{"text": "a", "terms": ["\\u200b"]}', 400, "no character that the model can produce"),
    (T, b'{"text": "a\\udc80"}', 400, "half of a surrogate pair (U+DC80) at character 2"),
    (A, b'{"text": "a", "prefix": "b\\tc"}', 400, "`prefix` has a tab (U+0009)"),
    (T, b'{"text": "' + b"a" * 201 + b'"}', 413, "the limit is 200"),
    (T, b'{"text": "' + b"\\n" * 40 + b'"}', 413, "41 lines, but the limit is 40"),
    (T, json.dumps({"texts": ["a"] * 21}).encode(), 413, "21 texts, but the limit is 20"),
    (T, json.dumps({"text": "a", "prefix": "b" * 2001}).encode(), 413, "the limit is 2,000"),
    (T, json.dumps({"text": "a", "avoid": ["b" * 999] * 3}).encode(), 413, "the limit is 2,000"),
    (T, b'{"text": "' + b" " * 20_000 + b'"}', 413, "exceeds 20,000 bytes"),
    (A, b"{}", 400, "`text`"),
    (A, b'{"text": "a\\nb"}', 400, "one line"),
    (A, b'{"text": "a", "count": 11}', 400, "the limit is 10"),
    (A, b'{"text": "a", "units": "letters"}', 400, "`units"),
    (A, b'{"text": "a", "prefix": ["</s>"]}', 400, "'</s>' is not a subword"),
    (A, b'{"text": "a", "prefix": ["x y z"]}', 400, "is not a subword"),
    (A, b'{"text": "a", "prefix": [1]}', 400, "`prefix"),
    (A, b'{"text": "a", "prefix": {"a": 1}}', 400, "`prefix"),
]


@pytest.mark.parametrize(("path", "body", "status", "says"), WRONG)
def test_wrong_requests_are_refused_in_words(client, path, body, status, says):
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]
    assert len(answer.text) < 600
    assert_safe(answer)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(client, kind):
    """What a form of another page can send without asking is none."""
    answer = client.post(T, content=b'{"text": "a"}', headers={"Content-Type": kind})
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/api",
        "/../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/api/../../etc/passwd",
        "//etc/passwd",
        "/static/serve.js",
        "/api/translate%00",
    ],
)
def test_there_are_no_other_paths(client, path):
    answer = client.get(path)
    assert answer.status_code in (404, 405)
    assert_safe(answer)


def test_wrong_methods(client):
    assert client.get(T).status_code == 405
    assert client.post("/").status_code == 405
    assert client.options(T, headers={"Origin": HOME}).status_code == 405
    assert client.head("/").status_code == 200


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:80", "192.168.1.7:8765", "my-machine.lan:9"],
)
def test_names_of_this_machine(client, host):
    assert client.get("/health", headers={"Host": host}).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "a@evil", "[::1", "x"],
)
@pytest.mark.parametrize("path", ["/", "/health", "/api/info"])
def test_names_of_others_that_lead_here(client, host, path):
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert_safe(answer)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (HOME, 200),
        ("https://127.0.0.1:8765", 200),
        ("http://evil.example", 403),
        ("http://127.0.0.1", 403),
        ("http://127.0.0.1:8766", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_only_our_own_page_may_ask(client, origin, status):
    answer = client.post(T, json={"text": "le"}, headers={"Origin": origin})
    assert answer.status_code == status
    assert_safe(answer)


def assert_safe(answer: httpx.Response) -> None:
    for name, value in SAFE.items():
        assert answer.headers[name] == value
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "set-cookie" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_the_page_and_what_is_said_of_the_model(client, tiny_bundle):
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert_safe(page)
    info = client.get("/api/info").json()
    assert info["models"][0]["name"] == "tiny"
    assert info["limits"]["characters"] == 200
    for text in (page.text, json.dumps(info)):
        assert str(tiny_bundle) not in text


class Silent:
    """A desk that takes jobs and never answers."""

    alive = True

    def __init__(self):
        self.jobs = []

    def submit(self, job):
        self.jobs.append(job)


def test_what_takes_too_long_is_given_up(translator):
    request_queue = Silent()
    app = application_of(translator, request_queue, replace(LIMITS, seconds=0.05))
    answer = TestClient(app, base_url=HOME).post(T, json={"text": "le chat"})
    assert answer.status_code == 503
    assert "more than 0.05 seconds" in answer.json()["error"]
    assert answer.headers["retry-after"] == "1"
    assert request_queue.jobs[0].is_abandoned


def scope_of(path: str) -> dict:
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": headers,
    }


def exchange(app, *messages: dict, path: str = T) -> list[dict]:
    """What the application sends for what it receives; after that nothing comes for ever."""
    sent: list[dict] = []
    coming = iter(messages)

    async def receive() -> dict:
        for message in coming:
            return message
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(app(scope_of(path), receive, send))
    return sent


def test_a_client_that_leaves_is_not_waited_for(translator):
    request_queue = Silent()
    app = application_of(translator, request_queue)
    body = {"type": "http.request", "body": b'{"text": "le chat"}', "more_body": False}
    exchange(app, body, {"type": "http.disconnect"})
    assert request_queue.jobs[0].is_abandoned


def test_a_body_that_does_not_arrive_is_not_waited_for(translator):
    app = application_of(translator, Silent(), replace(LIMITS, body_seconds=0.05))
    part = {"type": "http.request", "body": b'{"text": ', "more_body": True}
    start, _ = exchange(app, part)
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]


def test_a_full_desk_says_so(translator):
    request_queue = RequestQueue(translator, 0, 1)
    answer = TestClient(application_of(translator, request_queue), base_url=HOME).post(
        T, json={"text": "a"}
    )
    request_queue.close()
    assert answer.status_code == 503
    assert "too many requests" in answer.json()["error"]


def test_when_the_desk_has_ended_health_says_so(translator):
    request_queue = RequestQueue(translator, 1, 1)
    request_queue.close()
    request_queue.join(30)
    client = TestClient(application_of(translator, request_queue), base_url=HOME)
    assert client.get("/health").status_code == 503


def test_a_bug_is_told_at_the_terminal_only(translator, capsys):
    class Broken(Silent):
        def submit(self, job):
            raise RuntimeError("a secret")

    app = application_of(translator, Broken())
    client = TestClient(app, base_url=HOME, raise_server_exceptions=False)
    answer = client.post(T, json={"text": "a"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "POST /api/translate: RuntimeError: a secret" in capsys.readouterr().err
    assert_safe(answer)
