"""The `.proto` files that these tests are about."""

from pathlib import Path

import pytest

INFER = """
syntax = "proto3";
package vision.v1;

import "google/api/annotations.proto";
import "google/protobuf/any.proto";
import "google/protobuf/timestamp.proto";
import "shared/meta.proto";

enum Colour {
  RED = 0;
  BLUE = 1;
}

message Image {
  bytes raw_data = 1;
  string image_id = 2;
  shared.MetaData _meta_data = 3;
  google.protobuf.Timestamp at = 4;
  google.protobuf.Any more = 5;

  message Part {
    enum Kind {
      NOSE = 0;
      EYE = 1;
    }
    Kind kind = 1;
  }
  repeated Part parts = 6;
}

message Faces {
  string image_id = 1;
  repeated double scores = 2;
}

service Inference {
  rpc Predict(Image) returns (Faces) {
    option (google.api.http) = { post: "/v1/predict" body: "*" };
  }
  rpc Watch(Image) returns (stream Faces);
  rpc Collect(stream Image) returns (Faces);
  rpc Chat(stream Image) returns (stream Faces);
}
"""

META = """
syntax = "proto3";
package shared;

message MetaData {
  map<string, string> values = 1;
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`infer.proto`, and `shared/meta.proto` that it imports."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "infer.proto").write_text(INFER)
    (tmp_path / "shared" / "meta.proto").write_text(META)
    return tmp_path
