"""Searching feature groups and features through boto3."""

import json

import botocore.exceptions
import pytest

from test_records import DEFINITIONS, code, message

PREFIX = "searched-"
OURS = {"Name": "FeatureGroupName", "Operator": "Contains", "Value": PREFIX}


@pytest.fixture(scope="module")
def groups(sagemaker):
    made = {"searched-one": "red", "searched-two": "blue", "searched-three": None}
    for name, team in made.items():
        sagemaker.create_feature_group(
            FeatureGroupName=name, RecordIdentifierFeatureName="id", EventTimeFeatureName="at",
            FeatureDefinitions=DEFINITIONS, OnlineStoreConfig={"EnableOnlineStore": True},
            Description=f"all about {name}", Tags=[{"Key": "team", "Value": team}] if team else [])
    sagemaker.update_feature_metadata(
        FeatureGroupName="searched-two", FeatureName="ratio", Description="share of wins",
        ParameterAdditions=[{"Key": "unit", "Value": "percent"}])
    yield list(made)
    for name in made:
        sagemaker.delete_feature_group(FeatureGroupName=name)


def found(client, *filters, resource="FeatureGroup", **more) -> list[str]:
    """The names of what a search finds, over all pages."""
    more.setdefault("SearchExpression", {"Filters": [OURS, *filters]})
    pages = client.get_paginator("search").paginate(Resource=resource, PaginationConfig={"PageSize": 2}, **more)
    kind, name = {"FeatureGroup": ("FeatureGroup", "FeatureGroupName"),
                  "FeatureMetadata": ("FeatureMetadata", "FeatureName")}[resource]
    return [result[kind][name] for page in pages for result in page["Results"]]


def test_groups_are_found_by_name_description_and_tag(sagemaker, groups):
    assert sorted(found(sagemaker)) == sorted(groups)
    assert found(sagemaker, {"Name": "Description", "Value": "all about searched-one"}) == ["searched-one"]
    assert found(sagemaker, {"Name": "Tags.team", "Operator": "In", "Value": "blue,green"}) == ["searched-two"]
    assert found(sagemaker, {"Name": "Tags.team", "Operator": "NotExists"}) == ["searched-three"]
    either = {"Operator": "Or", "SubExpressions": [
        {"Filters": [{"Name": "Tags.team", "Value": team}, OURS]} for team in ("red", "blue")]}
    assert sorted(found(sagemaker, SearchExpression=either)) == ["searched-one", "searched-two"]
    ordered = found(sagemaker, SortBy="FeatureGroupName", SortOrder="Ascending")
    assert ordered == sorted(groups)


def test_a_group_is_found_as_it_is_described(sagemaker, groups):
    answer = sagemaker.search(Resource="FeatureGroup", SearchExpression={"Filters": [
        {"Name": "FeatureGroupName", "Value": "searched-one"}]})
    assert answer["TotalHits"] == {"Value": 1, "Relation": "EqualTo"}
    shown = answer["Results"][0]["FeatureGroup"]
    assert shown["Tags"] == [{"Key": "team", "Value": "red"}]
    described = sagemaker.describe_feature_group(FeatureGroupName="searched-one")
    assert {key: described[key] for key in shown if key != "Tags"} == {
        key: shown[key] for key in shown if key != "Tags"}


def test_features_are_found_by_their_metadata(sagemaker, groups):
    percent = {"Name": "Parameters.unit", "Value": "percent"}
    assert found(sagemaker, percent, resource="FeatureMetadata") == ["ratio"]
    integral = {"Name": "FeatureType", "Value": "Integral"}
    assert found(sagemaker, integral, resource="FeatureMetadata") == ["count"] * 3


def test_suggestions_begin_with_the_hint(sagemaker, groups):
    def suggested(resource, hint):
        answer = sagemaker.get_search_suggestions(
            Resource=resource, SuggestionQuery={"PropertyNameQuery": {"PropertyNameHint": hint}})
        return [suggestion["PropertyName"] for suggestion in answer["PropertyNameSuggestions"]]
    assert "Tags.team" in suggested("FeatureGroup", "Tags.")
    assert suggested("FeatureMetadata", "Parameters.u") == ["Parameters.unit"]
    assert suggested("TrainingJob", "") == []


def test_a_policy_that_demands_a_visibility_condition_is_kept(server, groups, user):
    statement = {"Effect": "Allow", "Action": "sagemaker:Search", "Resource": "*", "Condition": {
        "StringEquals": {"sagemaker:SearchVisibilityCondition/Tags.team/EqualsIfExists": "red"}}}
    policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
    reader = server.client("sagemaker", user("searcher", policy))
    seen = found(reader, VisibilityConditions=[{"Key": "Tags.team", "Value": "red"}])
    assert sorted(seen) == ["searched-one", "searched-three"]
    for conditions in ({}, {"VisibilityConditions": [{"Key": "Tags.team", "Value": "blue"}]}):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            reader.search(Resource="FeatureGroup", **conditions)
        assert code(refused) == "AccessDeniedException"


def test_other_resources_are_searched_and_none_is_found(sagemaker):
    answer = sagemaker.search(Resource="TrainingJob", SearchExpression={"Filters": [
        {"Name": "TrainingJobStatus", "Value": "Completed"}]})
    assert answer["Results"] == [] and answer["TotalHits"]["Value"] == 0


@pytest.mark.parametrize("request_, part", [
    ({"SearchExpression": {}}, "at least one"),
    ({"SearchExpression": {"Filters": [{"Name": "Nothing", "Value": "x"}]}}, "not a property"),
    ({"SearchExpression": {"Filters": [{"Name": "FeatureGroupName", "Operator": "LessThan", "Value": "x"}]}},
     "not for texts"),
    ({"SortBy": "Nothing"}, "sorted by"),
    ({"NextToken": "x"}, "NextToken"),
])
def test_wrong_searches_are_refused(sagemaker, request_, part):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        sagemaker.search(Resource="FeatureGroup", **request_)
    assert code(refused) == "ValidationException" and part in message(refused)
