import pytest

from penstock.errors import ConfigError
from penstock.settings import S3Source
from penstock.sources import connection_from_environment, open_source


def test_an_unset_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DOCS", raising=False)
    assert connection_from_environment("aws_docs") is None


@pytest.mark.parametrize(
    "text",
    [
        '{"conn_type": "aws", "login": "AKIA", "password": "s/e:c@r+t", "extra": {"region_name": "eu-west-1"}}',
        (
            '{"conn_type": "aws", "login": "AKIA", "password": "s/e:c@r+t", '
            '"extra": "{\\"region_name\\": \\"eu-west-1\\"}"}'
        ),
        "aws://AKIA:s%2Fe%3Ac%40r%2Bt@/?region_name=eu-west-1",
        "aws://AKIA:s%2Fe%3Ac%40r%2Bt@/?__extra__=%7B%22region_name%22%3A+%22eu-west-1%22%7D",
    ],
)
def test_json_and_uri_say_the_same(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DOCS", text)
    connection = connection_from_environment("aws_docs")
    assert connection is not None
    assert {key: connection[key] for key in ("conn_type", "login", "password", "extra")} == {
        "conn_type": "aws",
        "login": "AKIA",
        "password": "s/e:c@r+t",
        "extra": {"region_name": "eu-west-1"},
    }


@pytest.mark.parametrize("text", ["{not json secret", "secret", '{"extra": 7}', "aws://a:b@h:port/"])
def test_what_is_no_connection_is_an_error_that_keeps_the_secret(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DOCS", text)
    with pytest.raises(ConfigError) as error:
        connection_from_environment("aws_docs")
    assert str(error.value) == (
        'AIRFLOW_CONN_AWS_DOCS is not a connection; write {"conn_type": "aws", "login": …, "password": …, '
        '"extra": {…}} or aws://LOGIN:PASSWORD@/?region_name=…'
    )


def test_a_named_connection_that_is_nowhere_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DOCS", raising=False)
    settings = S3Source(type="s3", bucket="b", connection="aws_docs", when_silent=("nobody",))
    with pytest.raises(ConfigError) as error:
        open_source("docs", settings)
    assert str(error.value) == (
        "sources.docs.connection: there is no connection 'aws_docs'; set AIRFLOW_CONN_AWS_DOCS, "
        "or add it in Airflow, where only its tasks see it"
    )


def test_an_endpoint_that_is_no_address_is_an_error() -> None:
    settings = S3Source(type="s3", bucket="b", endpoint_url="minio:9000", when_silent=("nobody",))
    with pytest.raises(ConfigError) as error:
        open_source("docs", settings)
    assert str(error.value) == (
        "source 'docs': no S3 client: Invalid endpoint: minio:9000; "
        "check sources.docs.endpoint_url, region and connection"
    )
