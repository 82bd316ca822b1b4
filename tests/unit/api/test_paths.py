"""Paths stand under both versions, and answers use the words of the path.

Compares the paths that are made with those the contract lists.
"""

import pytest

from bitbrook.api.paths import Words, versioned, words_of


def test_versions_of_a_path() -> None:
    assert versioned("/sinks") == ["/v1/sinks", "/v2/sinks"]
    assert versioned("/deployments/{deployment_id:str}") == [
        "/v1/deployments/{deployment_id:str}",
        "/v2/deployments/{deployment_id:str}",
        "/v2/databases/{deployment_id:str}",
    ]
    assert versioned("/service-properties/deployment:shapes")[2] == (
        "/v2/service-properties/database:shapes"
    )
    assert versioned("/tables/{deployment_id:str}") == [
        "/v1/tables/{deployment_id:str}",
        "/v2/tables/{deployment_id:str}",
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/deployments", Words.EARLIER),
        ("/v2/deployments/x", Words.EARLIER),
        ("/v2/databases/x", Words.LATER),
        ("/v2/sinks", Words.LATER),
        ("/v1/sinks", Words.EARLIER),
    ],
)
def test_words_of_a_path(path: str, words: Words) -> None:
    assert words_of(path) is words
