"""Judges docs/openapi.json and docs/asyncapi.json by the schemas of their formats. Exits with 1 where one is faulty."""

import gzip
import json
import sys
from pathlib import Path

from jsonschema import Draft7Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

HERE = Path(__file__).parent
DOCS = HERE.parent.parent / "docs"


def faults():
    """Every fault of either document."""
    openapi = json.loads((DOCS / "openapi.json").read_text())
    yield from (("openapi.json", fault) for fault in OpenAPIV31SpecValidator(openapi).iter_errors())
    asyncapi = json.loads((DOCS / "asyncapi.json").read_text())
    schema = json.loads(gzip.decompress((HERE / "asyncapi-3.0.0.json.gz").read_bytes()))
    yield from (("asyncapi.json", fault) for fault in Draft7Validator(schema).iter_errors(asyncapi))


found = list(faults())
for name, fault in found:
    print(f"{name} at {'/'.join(map(str, fault.absolute_path))}: {fault.message}")
sys.exit(bool(found))
