"""Identity providers with boto3 and the AWS CLI."""

import json

from conftest import ACCOUNT, refused_as

THUMBPRINT = "990f4193972f2becf12ddeda5237f9c952f20d9e"


def test_a_provider_lives_and_dies(iam):
    url = "https://oidc.eks.eu-central-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
    arn = iam.create_open_id_connect_provider(
        Url=url, ClientIDList=["sts.amazonaws.com"], ThumbprintList=[THUMBPRINT],
        Tags=[{"Key": "team", "Value": "red"}])["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/" + url.removeprefix("https://")
    shown = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert shown["Url"] == url.removeprefix("https://")
    assert shown["ClientIDList"] == ["sts.amazonaws.com"]
    assert shown["ThumbprintList"] == [THUMBPRINT]
    assert shown["Tags"] == [{"Key": "team", "Value": "red"}]
    assert {"Arn": arn} in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert iam.get_account_summary()["SummaryMap"]["Providers"] >= 1
    refused_as("EntityAlreadyExists", iam.create_open_id_connect_provider, Url=url)
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="more")
    iam.remove_client_id_from_open_id_connect_provider(
        OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")
    shown = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert shown["ClientIDList"] == ["more"]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    gone = refused_as("NoSuchEntity", iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn)
    assert "not found" in gone["Error"]["Message"]


def test_members_that_are_out_of_bounds_are_named(iam):
    answer = refused_as(
        "ValidationError", iam.create_open_id_connect_provider,
        Url="https://bounds.example.com", ClientIDList=["x" * 256], ThumbprintList=["a" * 41])
    message = answer["Error"]["Message"]
    assert message.startswith("2 validation errors detected: Value"), message
    assert "'clientIDList'" in message and "'thumbprintList'" in message, message


def test_the_cli_makes_and_lists_providers(server, iam):
    made = server.cli("iam", "create-open-id-connect-provider", "--url", "https://cli.example.com",
                      "--client-id-list", "a", "b", "--thumbprint-list", THUMBPRINT)
    assert made.returncode == 0, made.stderr
    arn = json.loads(made.stdout)["OpenIDConnectProviderArn"]
    listed = server.cli("iam", "list-open-id-connect-providers")
    assert arn in listed.stdout, listed.stderr
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
