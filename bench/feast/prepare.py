"""Makes a Feast repository on Redis: one entity, 20 features, as many records as the hot set.

usage: prepare.py REDIS-PORT RECORDS DIRECTORY
"""

import datetime
import pathlib
import sys

import pandas
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, PushSource, ValueType
from feast.types import Float64, String

FEATURES = [f"f{number:02}" for number in range(20)]

CONFIGURATION = """\
project: bench
provider: local
registry: registry.db
entity_key_serialization_version: 3
online_store:
  type: redis
  connection_string: 127.0.0.1:{port}
"""


def main(port: str, records: int, directory: pathlib.Path) -> None:
    (directory / "feature_store.yaml").write_text(CONFIGURATION.format(port=port))
    frame = pandas.DataFrame({
        "id": [f"r{number:09}" for number in range(records)],
        "at": pandas.Timestamp.now(tz="UTC"),
        **{name: [number + 0.5 for number in range(records)] for name in FEATURES},
    })
    # Feast wants a batch source; nothing reads it.
    batch = directory / "batch.parquet"
    frame.head(1).to_parquet(batch)
    entity = Entity(name="id", join_keys=["id"], value_type=ValueType.STRING)
    view = FeatureView(
        name="record",
        entities=[entity],
        ttl=datetime.timedelta(days=1),
        schema=[Field(name="id", dtype=String), *(Field(name=name, dtype=Float64) for name in FEATURES)],
        source=PushSource(name="push", batch_source=FileSource(path=str(batch), timestamp_field="at")),
        online=True,
    )
    store = FeatureStore(repo_path=str(directory))
    store.apply([entity, view])
    store.write_to_online_store("record", frame)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3]))
